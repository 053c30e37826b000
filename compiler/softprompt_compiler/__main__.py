"""`python -m softprompt_compiler` is the `spec` command."""

from softprompt_compiler.cli import main

main()
