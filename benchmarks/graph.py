"""Strongly connected components of a state graph: networkx on arrays and on its own graphs, in one run."""

from __future__ import annotations

import sys
import time
from typing import Any

import networkx as nx

from tsofence.checker.graph.backend import convert_to_nx
from tsofence.checker.graph.edges import graph_of
from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.native import Native
from tsofence.specs.reference import reference

#: sizes of the protocol: PDs, TSO servers, T, C
SIZES = ((1, 1, 6, 2), (1, 2, 7, 3), (2, 2, 8, 3))


def main(out: Any = sys.stdout) -> None:
    """Write a line a size."""
    for size in SIZES:
        configuration = reference(*size, fence=True)
        first = [configuration.layout().initial({}, {})]
        engine = Native(Plain(Expander(configuration, (), first)), 20_000_000)
        done = 0
        while done < len(engine):
            upto = len(engine)
            engine.expand(done, upto)
            done = upto
        began = time.monotonic()
        graph: Any = graph_of(engine)
        made = time.monotonic()
        many = sum(1 for _ in nx.strongly_connected_components(graph))
        arrays = time.monotonic()
        out.write(
            f"{size}: {len(graph)} states, {graph.number_of_edges()} edges, {graph.memory >> 20} MiB, "
            f"{many} components; graph {made - began:.2f} s, components {arrays - made:.2f} s"
        )
        out.flush()
        if len(graph) < 200_000:  # minutes, beyond
            plain = convert_to_nx(graph)
            began = time.monotonic()
            assert many == sum(1 for _ in nx.strongly_connected_components(plain))
            out.write(f", plain networkx {time.monotonic() - began:.2f} s")
        out.write("\n")


if __name__ == "__main__":
    main()
