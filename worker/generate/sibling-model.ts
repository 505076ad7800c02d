// The base with an adapter of the siblings' form, whose values are replaced by those of a vector.

import type { GeneratorSpec } from '../../crds/api/adapter-generator.ts';
import { method as methodSchema } from '../../crds/api/method.ts';
import { type ResolvedMethod, resolveMethod } from '../../crds/index.ts';
import { type ModelFiles, openModel } from '../decoder/model-files.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import { hiddenStates } from '../engine/forward.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { factorA, factorB } from '../methods/adapters/adapter.ts';
import { buildOptionsOf } from '../methods/index.ts';
import type { RoleContext } from '../role.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { onDevice, type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import { setThreads } from '../tensor/threads.ts';
import { finiteOrNull } from '../train/evaluation.ts';
import { heldOutLoss } from '../train/held-out-loss.ts';
import { openDevice } from '../train/open-device.ts';
import { type PreparedTask, promptOf } from './generator-run.ts';
import type { SiblingForm } from './siblings.ts';
import { slotName, slotsOf } from './vector.ts';

export interface SiblingModel extends Disposable {
  readonly method: ResolvedMethod;
  readonly files: ModelFiles;
  readonly model: Model;
  /** Puts an adapter on the base; null: none. */
  put(vector: ArrayLike<number> | null): void;
}

export function openSiblingModel(
  { run, prepared }: PreparedTask,
  { rank, targets, layers }: SiblingForm,
  precision: GeneratorSpec['precision'],
): SiblingModel {
  const method = resolveMethod(
    methodSchema.parse({
      preset: 'LoRA',
      precision: { type: precision },
      // The scale is in the factors.
      adapter: { type: 'LoRA', lora: { rank, alpha: String(rank), targetModules: targets } },
    }),
  );
  setThreads(run.threads);
  const device = openDevice(run.device, method);
  const files = openModel(prepared.model.path);
  const model = buildModel(modelSource(files), { ...buildOptionsOf(run.spec, method), device });
  const slots = slotsOf(layers, rank);
  return {
    ...{ method, files, model },
    put(vector) {
      for (const { name, begin, count, shape } of slots) {
        const values =
          vector === null
            ? new Float32Array(count)
            : Float32Array.from({ length: count }, (_, i) => vector[begin + i] ?? 0);
        scope(() => {
          const made = onDevice(
            scope(() => tensor(values, shape), 'cpu'),
            device,
          );
          ops.copy_(factorNamed(model, name), made);
        });
      }
    },
    [Symbol.dispose]() {
      model.parameters[Symbol.dispose]();
      files[Symbol.dispose]();
    },
  };
}

/** The tensor of the model behind a slot. */
function factorNamed({ parameters }: Model, slot: string): Tensor {
  const path = slot.slice(0, -2);
  const suffix = slot === slotName(path, 'A') ? factorA : factorB;
  return parameters.value(`${path}.${suffix}`);
}

/** Mean over prompts of the last hidden state at the last position, behind the final norm. */
export function taskVector(model: Model, prompts: readonly HostSequence[]): readonly number[] {
  const sum = new Float64Array(model.config.H);
  for (const prompt of prompts) {
    const last = scope(() => {
      const states = hiddenStates(model, promptOf(prompt));
      return toArray(ops.select(states, 0, (states.shape[0] ?? 1) - 1));
    }, model.device);
    for (const [i, value] of last.entries()) sum[i] = (sum[i] ?? 0) + value;
  }
  return Array.from(sum, (value) => value / prompts.length);
}

/** Mean loss of a target token; null where it is not finite. */
export async function lossOn(
  { stop }: Pick<RoleContext, 'stop'>,
  model: Model,
  records: Iterable<HostSequence>,
): Promise<number | null> {
  const found = await heldOutLoss(model, records, () => stop.aborted);
  if (found === null) throw stop.reason;
  return finiteOrNull(found.loss);
}
