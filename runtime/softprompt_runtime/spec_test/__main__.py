"""`python -m softprompt_runtime.spec_test`."""

from softprompt_runtime.script import run_script
from softprompt_runtime.spec_test.command import main

if __name__ == "__main__":
    run_script(main)
