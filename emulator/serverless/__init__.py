"""Services that a profile's store lacks, served by one process beside the emulator."""
