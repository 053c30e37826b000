"""SP02xx: several fields disagree."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

# A task: template and virtual tokens
VIRTUAL_TOKEN_SUM = Rule(
    "SP0201",
    "virtual-token-sum",
    _ERROR,
    "`virtual_token_splits` add up to {sum}, and `total_virtual_tokens` is {total}",
)
MARKER_COUNT = Rule(
    "SP0202",
    "marker-count",
    _ERROR,
    "the template has {markers}, and `virtual_token_splits` has {splits}",
)
TOO_FEW_VIRTUAL_TOKENS = Rule(
    "SP0203",
    "too-few-virtual-tokens",
    _ERROR,
    "{total} cannot be spread over {markers}",
)
VIRTUAL_TOKENS_FILL_ROW = Rule(
    "SP0204",
    "virtual-tokens-fill-row",
    _ERROR,
    "{total} virtual tokens leave no room in a row of {limit} tokens",
)
COMPLETION_FILLS_ROW = Rule(
    "SP0205",
    "completion-fills-row",
    _ERROR,
    "{total} virtual and {generated} generated tokens leave no room in a row of {limit} tokens",
)

# A task: template and answer
ANSWER_FIELD_UNSET = Rule(
    "SP0210", "answer-field-unset", _ERROR, "`answer_only_loss` needs an `answer_field`"
)
ANSWER_FIELD_UNKNOWN = Rule(
    "SP0211", "answer-field-unknown", _ERROR, "the template has no field `{field}`"
)
ANSWER_REPEATED = Rule(
    "SP0212",
    "answer-repeated",
    _ERROR,
    "`{{{field}}}` stands twice, so the prompt shows the answer",
)
ANSWER_NOT_LAST = Rule("SP0213", "answer-not-last", _ERROR, "text follows the answer `{{{field}}}`")
MARKER_AFTER_ANSWER = Rule(
    "SP0214",
    "marker-after-answer",
    _ERROR,
    "marker {number} follows the answer, so no prompt holds its virtual tokens",
)
SPACE_BEFORE_ANSWER = Rule(
    "SP0215",
    "space-before-answer",
    _WARNING,
    "the text before `{{{field}}}` ends in {found}, which tokenizers read otherwise once the "
    "answer follows",
)
METRIC_WITHOUT_ANSWER = Rule(
    "SP0216", "metric-without-answer", _ERROR, "metrics compare with an answer, and none is named"
)
METRIC_WITHOUT_TEST = Rule(
    "SP0217", "metric-without-test", _WARNING, "there are no test rows to measure `metrics` on"
)

# A task: its fields
TRUNCATE_FIELD_UNKNOWN = Rule(
    "SP0220", "truncate-field-unknown", _ERROR, "the template has no field `{field}`"
)
TRUNCATE_FIELD_IS_ANSWER = Rule(
    "SP0221", "truncate-field-is-answer", _ERROR, "the answer `{field}` cannot lose tokens"
)
RENAMED_FIELD_UNKNOWN = Rule(
    "SP0222", "renamed-field-unknown", _ERROR, "the template has no field `{field}`"
)
FILE_IN_TWO_SPLITS = Rule(
    "SP0223",
    "file-in-two-splits",
    _WARNING,
    "`{second}` reads a file that `{first}` reads too: `{name}`",
)

TEST_WITHOUT_ANSWER_FIELD = Rule(
    "SP0292",
    "test-without-answer-field",
    _WARNING,
    "there are test rows, and no `answer_field` that completions are to write",
)

# What a task's rows say
INIT_LABEL_UNSEEN = Rule(
    "SP0290",
    "init-label-unseen",
    _WARNING,
    "no train row has the answer `{word}` of `init.labels`",
)
METRIC_WITHOUT_CLASSES = Rule(
    "SP0291",
    "metric-without-classes",
    _WARNING,
    "`{metric}` compares labels, and the {rows} train rows of task `{task}` have {count} answers",
)
METRIC_WITHOUT_SLOTS = Rule(
    "SP0293",
    "metric-without-slots",
    _WARNING,
    "`slot_f1` reads lines that start with `Slots:`, and no train answer of task `{task}` has one",
)

# Training
EPOCHS_AND_STEPS = Rule(
    "SP0230", "epochs-and-steps", _ERROR, "`max_epochs` and `max_steps` are both given"
)
BATCH_NOT_DIVISIBLE = Rule(
    "SP0231",
    "batch-not-divisible",
    _ERROR,
    "`global_batch_size` {global_size} is no multiple of {product}",
)
DEVICES_NOT_DIVISIBLE = Rule(
    "SP0232",
    "devices-not-divisible",
    _ERROR,
    "{world} devices cannot be divided into groups of {group}",
)
SCHEDULE_TOO_LONG = Rule(
    "SP0233",
    "schedule-too-long",
    _ERROR,
    "warm-up and constant steps take {taken} steps, and the run has {steps}",
)
MIN_LR_ABOVE_LR = Rule("SP0234", "min-lr-above-lr", _ERROR, "`min_lr` {min_lr} is above `lr` {lr}")
STOPPING_WITHOUT_VALIDATION = Rule(
    "SP0235",
    "stopping-without-validation",
    _ERROR,
    "`early_stopping` watches `val_loss`, and {tasks} has no validation rows",
)
PRECISION_NEEDS_GPU = Rule(
    "SP0236", "precision-needs-gpu", _ERROR, "precision `16-mixed` needs a GPU"
)
PRECISION_NEEDS_DTYPE = Rule(
    "SP0237",
    "precision-needs-dtype",
    _ERROR,
    "precision `bf16-true` needs a base model in bfloat16",
)
SEQUENCE_PARALLEL_ALONE = Rule(
    "SP0243",
    "sequence-parallel-alone",
    _ERROR,
    "`sequence_parallel` shares activations between tensor-parallel ranks, and there is one",
)
ENCODER_SPLIT = Rule(
    "SP0244",
    "encoder-split",
    _ERROR,
    "an encoder {width} wide cannot be shared out equally to {size} tensor-parallel ranks",
)
GPU_WITHOUT_BFLOAT16 = Rule(
    "SP0245",
    "gpu-without-bfloat16",
    _WARNING,
    "`{gpu}` computes nothing in bfloat16; torch does it in slower steps",
)

# Prompt learning
INIT_LACKS = Rule("SP0240", "init-lacks", _ERROR, "init method `{method}` needs `{key}`")
TOO_FEW_LAYERS = Rule("SP0241", "too-few-layers", _ERROR, "an `mlp` encoder has 2 layers or more")
UNUSED_FIELD = Rule("SP0242", "unused-field", _ERROR, "`{key}` has no effect: {reason}")

# Settings that train badly
LOW_LR = Rule(
    "SP0250", "low-lr", _WARNING, "a free table of virtual tokens hardly moves at `lr` {lr}"
)
RANDOM_INIT = Rule(
    "SP0251", "random-init", _WARNING, "virtual tokens that start from noise train badly"
)
MANY_VIRTUAL_TOKENS = Rule(
    "SP0252",
    "many-virtual-tokens",
    _WARNING,
    "{total} virtual tokens are more than tasks gain from",
)
STRONG_DECAY = Rule(
    "SP0253",
    "strong-decay",
    _WARNING,
    "weight decay takes {percent} % of every virtual token in {steps} steps",
)
HIGH_LR = Rule(
    "SP0254",
    "high-lr",
    _WARNING,
    "steps of `lr` {lr} are as large as the weights of a prompt encoder",
)
ONE_VIRTUAL_TOKEN = Rule(
    "SP0255", "one-virtual-token", _WARNING, "a single virtual token is less than tasks need"
)
UNSCALED_HALF = Rule(
    "SP0256",
    "unscaled-half",
    _WARNING,
    "gradients pass through a base model in float16 without loss scaling",
)
