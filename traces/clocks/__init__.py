"""The clocks of hosts: how far they are apart, from what several files tell of one event.

From outside: `align` estimates offsets, and puts a trace's times on one clock.
"""
