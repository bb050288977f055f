"""Which glTF extensions are read, which make no difference here, and which would.

One list for whoever reads a file. https://github.com/KhronosGroup/glTF/tree/main/extensions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.gltf import format as glb

if TYPE_CHECKING:
    from meshtwin.gltf.document import Document

READ = frozenset(
    {
        *("KHR_mesh_quantization", "EXT_mesh_gpu_instancing", "KHR_node_visibility"),
        *("KHR_texture_transform", "EXT_texture_webp", "KHR_materials_unlit"),
        *("KHR_materials_pbrSpecularGlossiness", "KHR_materials_emissive_strength"),
    }
)

HARMLESS = frozenset(
    {
        # Gloss, and what is seen through a surface or comes from lamps: not the colour of the surface itself.
        *("KHR_materials_anisotropy", "KHR_materials_clearcoat", "KHR_materials_diffuse_transmission"),
        *("KHR_materials_dispersion", "KHR_materials_ior", "KHR_materials_iridescence"),
        *("KHR_materials_sheen", "KHR_materials_specular", "KHR_materials_subsurface"),
        *("KHR_materials_transmission", "KHR_materials_volume", "KHR_materials_volume_scatter"),
        *("ADOBE_materials_clearcoat_specular", "ADOBE_materials_clearcoat_tint"),
        *("ADOBE_materials_thin_transparency", "EXT_materials_bump", "MSFT_packing_normalRoughnessMetallic"),
        *("MSFT_packing_occlusionRoughnessMetallic", "KHR_lights_punctual", "EXT_lights_ies"),
        *("EXT_lights_image_based", "FB_ngon_encoding", "CESIUM_primitive_outline"),
        # The default appearance, level of detail and pose are shown.
        *("KHR_materials_variants", "MSFT_lod", "KHR_animation_pointer", "AGI_articulations"),
        # Metadata, and behaviour.
        *("KHR_xmp", "KHR_xmp_json_ld", "EXT_mesh_features", "EXT_instance_features"),
        *("EXT_structural_metadata", "EXT_feature_metadata", "AGI_stk_metadata", "EXT_mesh_manifold"),
        *("KHR_interactivity", "KHR_node_hoverability", "KHR_node_selectability", "KHR_audio_emitter"),
        *("KHR_audio", "KHR_physics_rigid_bodies", "KHR_implicit_shapes", "KHR_rigid_bodies"),
        *("KHR_collision_shapes", "OMI_physics_body", "OMI_physics_shape", "OMI_collider"),
        *("GODOT_single_root", "MSFT_collision_primitives", "FB_geometry_metadata"),
        *("VRM", "VRMC_vrm", "VRMC_vrm_animation", "VRMC_materials_mtoon", "VRMC_springBone"),
        *("VRMC_springBone_extended_collider", "VRMC_node_constraint"),
        "VRMC_materials_hdr_emissiveMultiplier",
    }
)
"""They change no shape and no colour of a surface, so a file may require them."""

SUPPORTED = READ | HARMLESS

_UNCOMPRESSED = "`gltf-transform copy` without compression writes one that can be read"
_TEXTURES = "`gltf-transform png` writes one with PNG textures"
SHAPES = {
    "KHR_draco_mesh_compression": _UNCOMPRESSED,
    "EXT_meshopt_compression": _UNCOMPRESSED,
    "KHR_meshopt_compression": _UNCOMPRESSED,
    "KHR_mesh_primitive_restart": "export it again without, as plain triangles",
    "KHR_gaussian_splatting": "export it again as a mesh",
    "CESIUM_RTC": "write its centre as the translation of a node",
    "EXT_mesh_polygon": "export it again as plain triangles",
}
"""They change the shape, and what to do about it."""
COLORS = {
    "KHR_texture_basisu": "`gltf-transform ktxdecompress` writes one with PNG textures",
    "EXT_texture_avif": _TEXTURES,
    "MSFT_texture_dds": _TEXTURES,
    "KHR_texture_procedurals": "bake its materials into textures",
    "KHR_materials_common": "export it again with metallic-roughness materials",
    "KHR_techniques_webgl": "export it again with metallic-roughness materials",
}
"""They change colours alone."""

_FALLBACKS = {*list(SHAPES)[:3], "KHR_texture_basisu", "EXT_texture_avif", "MSFT_texture_dds"}
"""A file that does not require them has the same without."""


def check_extensions(document: Document, *, colors: bool = True) -> list[str]:
    """What the file only offers and is not read though it changes what is seen, a note each.

    Without `colors` only the shape counts.

    Raises:
        GlbError: the file requires one that is not read here.
    """
    unread = SHAPES | (COLORS if colors else {})
    without_effect = SUPPORTED if colors else SUPPORTED | COLORS.keys()
    for name in document.extensions_required:
        if name not in without_effect:
            fix = unread.get(name, "export it again without")
            raise glb.GlbError(f"it needs the glTF extension {name[:80]}, which is not read here: {fix}")
    offered = sorted((set(document.extensions_used) & unread.keys()) - _FALLBACKS)
    return [f"the glTF extension {name} is not read: {unread[name]}" for name in offered]
