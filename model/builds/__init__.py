"""What builds of PD do otherwise than `model/pd`, which is the base of pull 10473: a file each."""
