// The role `conclude`: the adapter of the last round in PEFT's format, read back and compared, and
// a report beside it.
import { join } from 'node:path';
import * as z from 'zod';
import { Bug } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/index.ts';
import {
  federationFiles,
  type RoundResult,
  recordName,
  roundResult,
} from '../../crds/wire/federation.ts';
import { openObject } from '../checkpoint/objects.ts';
import { peftArtifact } from '../publish/peft.ts';
import { checkLogits } from '../publish/reload-check.ts';
import { copyIn, requireSame } from '../publish/require-same.ts';
import { destinationFolder, replaceFolder } from '../remote/destination.ts';
import type { Role } from '../role.ts';
import { writeRecord } from '../run-folder.ts';
import { keep } from '../tensor/scope.ts';
import { suffixes } from './aggregate.ts';
import { type Hub, openHub, withModel } from './hub-model.ts';
import { federatedOf, federationIn, recordsIn } from './round-files.ts';

const report = z.object({
  version: z.literal(1),
  name: z.string(),
  aggregation: z.string(),
  rounds: z.array(roundResult),
  /** Of each client, the last that it told. */
  privacy: roundResult.shape.privacy,
});

export const concludeRole: Role = async (context) => {
  using hub = await openHub(context);
  const { root } = federatedOf(hub.run);
  const { spec, name } = await federationIn(root);
  const rounds: RoundResult[] = [];
  for (let round = 0; round <= spec.rounds; round += 1) {
    rounds.push(await recordsIn(root).require(recordName.result(round), roundResult));
  }
  const { ends } = rounds.at(-1) ?? { ends: { merged: [] } };
  const destination = destinationFolder(hub.run, context.folder);
  await withModel(context, hub, ends, async (model) => {
    const { run, prepared, files } = hub;
    const method = await methodWritten(hub, ends.merged.length > 0 ? { root, ends } : null);
    const initial = (): never => {
      throw new Bug('the adapter of a federation begins with its state alone');
    };
    const writer = peftArtifact({ run, prepared, files, model, method, initial }, 'PEFTAdapter');
    using reference = keep(checkLogits(model));
    await replaceFolder(
      join(destination, writer.folder),
      async (partial) => {
        await writer.write(partial);
        const copy = await copyIn(partial, writer, model.dtype);
        using _parameters = copy.parameters;
        return requireSame(writer, reference, copy);
      },
      () => false,
    );
  });
  const written = {
    ...{ version: 1 as const, name, aggregation: spec.aggregation, rounds },
    privacy: spentInAll(rounds),
  };
  await writeRecord(destination, federationFiles.report, report, written);
};

function spentInAll(rounds: readonly RoundResult[]): RoundResult['privacy'] {
  const told = rounds.flatMap(({ privacy }) => privacy ?? []);
  const [first] = told;
  if (first === undefined) return undefined;
  const last = new Map(told.flatMap(({ clients }) => clients).map((one) => [one.client, one]));
  return { holds: first.holds, clients: [...last.values()] };
}

/** Stacked factors have the rank of all of them together, and the scale 1. */
async function methodWritten(
  { run, method }: Hub,
  stacks: { readonly root: string; readonly ends: RoundResult['ends'] } | null,
): Promise<ReturnType<typeof resolveMethod>> {
  const { adapter } = method;
  if (stacks === null || adapter.type !== 'LoRA') return resolveMethod(run.spec.method);
  let rank = 0;
  for (const object of stacks.ends.merged) {
    using file = await openObject(stacks.root, object);
    const [, first] = [...file.header.tensors].find(([name]) => name.endsWith(suffixes.A)) ?? [];
    rank += first?.shape[0] ?? 0;
  }
  const lora = { ...adapter.lora, rank, alpha: String(rank), scaling: 'Standard' as const };
  return { ...method, adapter: { type: 'LoRA', lora } };
}
