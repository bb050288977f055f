// Prints what @enginehub/schematicjs reads of a file: `node dump_schematic.cjs FOLDER_OF_MODULES FILE`.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { gunzipSync } = require("node:zlib");

const [folder, file] = process.argv.slice(2);
const modules = createRequire(`${folder}/`);
const { decode } = modules("@enginehub/nbt-ts");
const { loadSchematic } = modules("@enginehub/schematicjs");

const tag = decode(gunzipSync(readFileSync(file)), { unnamed: false, useMaps: true }).value;
const { width, height, length, ...schematic } = loadSchematic(tag);
const blocks = [];
for (let x = 0; x < width; x++)
  for (let y = 0; y < height; y++)
    for (let z = 0; z < length; z++) blocks.push(schematic.blocks[x][y][z]);
process.stdout.write(JSON.stringify({ size: [width, height, length], blocks }));
