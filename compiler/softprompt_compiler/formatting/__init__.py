"""`spec fmt`: one layout for all specs, with every comment at its key and no value changed."""
