"""What servers may do beside what `model/pd` says, a file each: looked at only where somebody asks for it."""
