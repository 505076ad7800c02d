// Whether a model can learn what the job wants of it.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import type { ModelFacts } from './model-facts.ts';

/** Refuses a job whose task is not that of models of this family, before anything is fetched. */
export function requireTask(
  { model }: Pick<FineTuneJobSpec, 'model'>,
  { kind }: Pick<ModelFacts, 'kind'>,
  family: string,
): void {
  const path = 'spec.model.task';
  const { task = 'CausalLM' } = model;
  if (task === taskOf[kind]) return;
  const does = kind === 'decoder' ? 'continues texts' : 'gives texts a class';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${task}, but the model is a ${family}, which ${does}`,
    path,
    value: task,
    hint:
      kind === 'decoder'
        ? 'leave spec.model.task and spec.dataset.labels out'
        : 'set spec.model.task: SequenceClassification, and name the classes in spec.dataset.labels',
  });
}

const taskOf = { decoder: 'CausalLM', encoder: 'SequenceClassification' } as const;
