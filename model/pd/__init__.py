"""PD and its TSO servers in that language: state, elections, registry, allocator, saves."""
