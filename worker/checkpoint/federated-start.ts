// What a run that is a part of a federation begins with: the adapter of its job, on the state that
// its record names. A run without one is left as it is.
import type { FederatedState } from '../../crds/wire/federation.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { BuildOptions } from '../engine/build-model.ts';
import type { SafetensorsFile } from '../files/safetensors.ts';
import type { Adapter } from '../methods/adapters/adapter.ts';
import { beginningWith, merely, onMerged, type Stored } from '../methods/adapters/from-state.ts';
import { openObject } from './objects.ts';

/** For a client that trains on. */
export async function toTrain(run: RunRecord, options: BuildOptions): Promise<BuildOptions> {
  const { federated } = run;
  const { adapter } = options;
  if (federated === undefined || adapter === null) return options;
  const state = await openState(federated.root, federated.begins);
  return { ...options, adapter: onMerged(stateOf(adapter, state), state.merged) };
}

/** For the hub, that evaluates and publishes: all of it is an adapter of the base. */
export async function toJudge(
  root: string,
  begins: FederatedState,
  options: BuildOptions,
): Promise<BuildOptions> {
  const { adapter } = options;
  if (adapter === null) return options;
  const state = await openState(root, begins);
  const { merged } = state;
  return {
    ...options,
    adapter: merged.length > 0 ? merely(adapter, merged) : stateOf(adapter, state),
  };
}

function stateOf(adapter: Adapter, { trained, fixed }: OpenState): Adapter {
  return trained === null ? adapter : beginningWith(adapter, trained, fixed);
}

interface OpenState {
  readonly trained: Stored | null;
  readonly fixed: Stored | null;
  readonly merged: readonly Stored[];
}

async function openState(
  root: string,
  { trained, fixed, merged }: FederatedState,
): Promise<OpenState> {
  const open = async (object: typeof trained): Promise<Stored | null> =>
    object === undefined ? null : storedIn(await openObject(root, object));
  const stacks: Stored[] = [];
  for (const one of merged) stacks.push(storedIn(await openObject(root, one)));
  return { trained: await open(trained), fixed: await open(fixed), merged: stacks };
}

/** Mapped until the process ends. */
function storedIn(file: SafetensorsFile): Stored {
  return { names: [...file.header.tensors.keys()], load: (name) => file.load(name) };
}
