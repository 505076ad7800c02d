// A base that generates, reads or answers prompts: frozen, as `anneal serve` holds one.
import type { Model as ModelSpec } from '../../crds/api/model.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import { openModel } from '../decoder/model-files.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import { environmentOf } from '../prepare/environment.ts';
import { modelPath, type ResolvedSource, resolveModel } from '../prepare/resolve-source.ts';
import type { RoleContext } from '../role.ts';
import { exactly, openDevice } from '../train/open-device.ts';
import { type TaskPrompts, taskPromptsOf } from './task-prompts.ts';

export interface OpenBase extends Disposable {
  readonly model: Model;
  readonly prompts: TaskPrompts;
  readonly digest: string;
  /** For sentences. */
  readonly name: string;
  /** Most tokens of a text. */
  readonly context: number;
}

/** A rope for more is not needed, and would be as long as the longest context of a base. */
const longestContext = 32_768;

export async function resolveBase(
  spec: ModelSpec,
  place: Parameters<typeof environmentOf>[0],
  context: RoleContext,
): Promise<ResolvedSource> {
  return resolveModel(spec, await environmentOf(place, context, 'model'), context.stop);
}

type Asked = Parameters<typeof taskPromptsOf>[1];

export async function openBase(
  source: ResolvedSource,
  device: DeviceName,
  asked: Asked,
  { emit }: Pick<RoleContext, 'emit'>,
): Promise<OpenBase> {
  using unfinished = new DisposableStack();
  const files = unfinished.use(openModel(modelPath(source)));
  const prompts = await taskPromptsOf(files.headers, asked);
  openDevice(device, exactly);
  const sequenceLength = Math.min(files.config.contextLength, longestContext);
  const report = { type: 'stage', stage: 'Load', unit: 'Tensors', subject: source.origin } as const;
  const total = files.tensorNames.length;
  emit({ ...report, state: 'Started', total });
  const model = frozenModel(modelSource(files), {
    ...{ device, sequenceLength, dtype: device === 'cpu' ? 'float32' : 'bfloat16' },
  });
  unfinished.use(model.parameters);
  emit({ ...report, state: 'Done', done: total, total });
  const opened = unfinished.move();
  return {
    ...{ model, prompts, digest: source.digest, name: source.origin, context: sequenceLength },
    [Symbol.dispose]: () => opened.dispose(),
  };
}
