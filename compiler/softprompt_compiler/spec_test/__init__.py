"""`spec test`: a user's own spec held to what softprompt promises."""
