"""SP0270 to SP0289: what starts the run."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR

TARGET_UNSAID = Rule(
    "SP0270", "target-unsaid", _ERROR, "`{key}` is given, and no `target` says that it counts"
)
LOCAL_MACHINES = Rule(
    "SP0271",
    "local-machines",
    _ERROR,
    "target `local` is one machine, and `num_nodes` is {num_nodes}",
)
RENDEZVOUS_MISSING = Rule(
    "SP0272", "rendezvous-missing", _ERROR, "{num_nodes} machines need a place to meet"
)
LAUNCH_LACKS = Rule("SP0273", "launch-lacks", _ERROR, "target `{target}` needs `{key}`")
RENDEZVOUS_FORM = Rule("SP0274", "rendezvous-form", _ERROR, "`{key}` is no `HOST:PORT`")
KUBERNETES_NAME = Rule(
    "SP0275", "kubernetes-name", _ERROR, "Kubernetes takes no {thing} of this name"
)
SLURM_WORD = Rule("SP0276", "slurm-word", _ERROR, "`{key}` is no word that SLURM reads")
TIME_LIMIT_FORM = Rule("SP0277", "time-limit-form", _ERROR, "`time_limit` is no time of SLURM's")
AMOUNT_FORM = Rule("SP0278", "amount-form", _ERROR, "`{key}` is no amount that {reader} reads")
NO_TIME_TO_RUN = Rule(
    "SP0279",
    "no-time-to-run",
    _ERROR,
    "the run is told to stop {save} seconds before its end, and has {limit}",
)
RESERVED_VARIABLE = Rule("SP0280", "reserved-variable", _ERROR, "`{name}` is set by {owner}")
SECRET_SHOWN = Rule(
    "SP0281", "secret-shown", _ERROR, "the secret `{name}` has a value under `environment`"
)
OPTION_LINE = Rule(
    "SP0282", "option-line", _ERROR, "`{key}` holds a line break or another control character"
)
MOUNT_PATH = Rule("SP0283", "mount-path", _ERROR, "this cannot be {thing}: {reason}")
