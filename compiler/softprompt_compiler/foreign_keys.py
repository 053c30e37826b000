"""Keys of other libraries' configs, and what they are here: for specs that were copied from one.

Sources: NeMo 1.x `megatron_gpt_prompt_learning_config.yaml`; PEFT's `PromptTuningConfig` and
`PromptEncoderConfig`; transformers' `TrainingArguments`; axolotl's config reference;
Slurm's `sbatch` options.
"""

_NEMO = "NeMo"
_PEFT = "PEFT"
_TRAINER = "transformers' Trainer"
_AXOLOTL = "axolotl"
_SLURM = "Slurm"

_ENCODER = "prompt_learning.encoder"
_INIT = "prompt_learning.init"
_SPLITS = "tasks.NAME.virtual_token_splits"

# key -> (whose, our key)
_RENAMED: dict[str, tuple[str, str]] = {
    "task_templates": (_NEMO, "tasks"),
    "language_model_path": (_NEMO, "model.source"),
    "p_tuning": (_NEMO, _ENCODER),
    "prompt_tuning": (_NEMO, _INIT),
    "encoder_type": (_NEMO, f"{_ENCODER}.type"),
    "new_prompt_init_methods": (_NEMO, f"{_INIT}.method"),
    "new_prompt_init_text": (_NEMO, f"{_INIT}.text"),
    "train_ds": (_NEMO, "tasks.NAME.data.train"),
    "validation_ds": (_NEMO, "tasks.NAME.data.validation"),
    "test_ds": (_NEMO, "tasks.NAME.data.test"),
    "existing_tasks": (_NEMO, "prompt_learning.restore_path"),
    "trainer": (_NEMO, "training"),
    "num_virtual_tokens": (_PEFT, _SPLITS),
    "peft_type": (_PEFT, "prompt_learning.virtual_prompt_style"),
    "base_model_name_or_path": (_PEFT, "model.source"),
    "prompt_tuning_init": (_PEFT, f"{_INIT}.method"),
    "prompt_tuning_init_text": (_PEFT, f"{_INIT}.text"),
    "encoder_reparameterization_type": (_PEFT, f"{_ENCODER}.type"),
    "encoder_hidden_size": (_PEFT, f"{_ENCODER}.hidden_size"),
    "encoder_num_layers": (_PEFT, f"{_ENCODER}.num_layers"),
    "encoder_dropout": (_PEFT, f"{_ENCODER}.dropout"),
    "model_name_or_path": (_TRAINER, "model.source"),
    "train_file": (_TRAINER, "tasks.NAME.data.train"),
    "validation_file": (_TRAINER, "tasks.NAME.data.validation"),
    "per_device_train_batch_size": (_TRAINER, "training.micro_batch_size"),
    "per_device_eval_batch_size": (_TRAINER, "inference.batch_size"),
    "num_train_epochs": (_TRAINER, "training.max_epochs"),
    "learning_rate": (_TRAINER, "training.optim.lr"),
    "lr_scheduler_type": (_TRAINER, "training.optim.sched.name"),
    "max_grad_norm": (_TRAINER, "training.gradient_clip_val"),
    "eval_steps": (_TRAINER, "training.val_check_interval"),
    "save_steps": (_TRAINER, "training.checkpoint_every_n_steps"),
    "report_to": (_TRAINER, "training.loggers"),
    "max_new_tokens": (_TRAINER, "inference.tokens_to_generate"),
    "base_model": (_AXOLOTL, "model.source"),
    "datasets": (_AXOLOTL, "tasks.NAME.data"),
    "test_datasets": (_AXOLOTL, "tasks.NAME.data.validation"),
    "sequence_len": (_AXOLOTL, "model.max_seq_length"),
    "num_epochs": (_AXOLOTL, "training.max_epochs"),
    "lr_scheduler": (_AXOLOTL, "training.optim.sched.name"),
    "optimizer": (_AXOLOTL, "training.optim.name"),
    "bf16": (_AXOLOTL, "training.precision"),
    "fp16": (_AXOLOTL, "training.precision"),
    "evals_per_epoch": (_AXOLOTL, "training.val_check_interval"),
    "nodes": (_SLURM, "parallelism.num_nodes"),
    "gpus_per_node": (_SLURM, "parallelism.devices"),
    "ntasks_per_node": (_SLURM, "parallelism.devices"),
    "cpus_per_task": (_SLURM, "launch.slurm.cpus_per_device"),
    "time": (_SLURM, "launch.slurm.time_limit"),
    "mem": (_SLURM, "launch.slurm.memory"),
    "train_on_inputs": (_AXOLOTL, "tasks.NAME.answer_only_loss"),
}

# key -> (whose, what to do with it)
_OTHERWISE: dict[str, tuple[str, str]] = {
    "taskname": (_NEMO, "a task's name is the key that it stands under in `tasks`"),
    "new_tasks": (_NEMO, "leave it out: every task of `tasks` trains that `restore_path` lacks"),
    "exp_manager": (_NEMO, "leave it out: a run writes to `runs/NAME`"),
    "task_type": (_PEFT, "leave it out: every model here continues text"),
    "tokenizer_name_or_path": (_PEFT, "leave it out: the tokenizer comes with `model.source`"),
    "token_dim": (_PEFT, "leave it out: the model's own config has it"),
    "gradient_accumulation_steps": (
        _TRAINER,
        "`training.global_batch_size` is what they add up to: micro batch * steps * devices",
    ),
    "output_dir": (_TRAINER, "leave it out: a run writes to `runs/NAME`"),
    "adapter": (_AXOLOTL, "`prompt_learning.virtual_prompt_style` is p-tuning or prompt-tuning"),
    "val_set_size": (_AXOLOTL, "name a file of validation rows in `tasks.NAME.data.validation`"),
    "sample_packing": (_AXOLOTL, "leave it out: rows are always packed"),
    "load_in_8bit": (_AXOLOTL, "`model.dtype` is the type of the frozen weights; 16 bits at least"),
    "load_in_4bit": (_AXOLOTL, "`model.dtype` is the type of the frozen weights; 16 bits at least"),
    "lora_r": (_AXOLOTL, "leave it out: only soft prompts are trained here"),
    "lora_alpha": (_AXOLOTL, "leave it out: only soft prompts are trained here"),
    "lora_dropout": (_AXOLOTL, "leave it out: only soft prompts are trained here"),
    "lora_target_modules": (_AXOLOTL, "leave it out: only soft prompts are trained here"),
}
# key -> how its value is written here
_VALUES: dict[str, str] = {
    "peft_type": "PROMPT_TUNING is `prompt-tuning`, and P_TUNING is `p-tuning`",
    "num_virtual_tokens": "a list, one number for each marker of the template",
    "prompt_tuning_init": "TEXT is `text`, RANDOM is `random`",
    "train_on_inputs": "it says the opposite",
    "bf16": "`bf16-mixed`",
    "fp16": "`16-mixed`",
    "datasets": "`train`, `validation` and `test`, each a path",
    "evals_per_epoch": "a part of an epoch, or steps",
}


def renamed_keys() -> dict[str, str]:
    """Foreign key -> the key here that is the same thing."""
    return {key: ours for key, (_, ours) in _RENAMED.items()}


def help_for(key: str) -> str | None:
    """What to write in place of another library's key; None if it is nobody's."""
    if key in _RENAMED:
        whose, ours = _RENAMED[key]
        value = f": {_VALUES[key]}" if key in _VALUES else ""
        return f"{whose} calls this `{key}`; here it is `{ours}`{value}"
    if key in _OTHERWISE:
        whose, what = _OTHERWISE[key]
        return f"`{key}` is {whose}'s; {what}"
    return None
