// The role `begin`: what all clients begin with. It is computed once, by the coordinator, from the
// model and records of its own, so clients differ in what they trained alone.
import { type RoundResult, recordName, roundResult } from '../../crds/wire/federation.ts';
import { putObject } from '../checkpoint/objects.ts';
import type { Model } from '../engine/model.ts';
import type { Role } from '../role.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isExact, suffixes, trainedSuffixes } from './aggregate.ts';
import { judged, openHub, withModel } from './hub-model.ts';
import { digestOfState, federatedOf, federationIn, recordsIn } from './round-files.ts';

export const beginRole: Role = async (context) => {
  using hub = await openHub(context);
  const { root } = federatedOf(hub.run);
  const { aggregation } = (await federationIn(root)).spec;
  const result = await withModel(context, hub, null, async (model): Promise<RoundResult> => {
    const names = trainedSuffixes[aggregation].map((name) => suffixes[name]);
    const isTrained = (suffix: string): boolean => names.some((own) => own === suffix);
    const trained = tensorsOf(model, isTrained);
    const fixed = tensorsOf(model, (suffix) => !isTrained(suffix));
    // A client of FLoRA draws its own factors in each round.
    const ends =
      aggregation === 'FLoRA'
        ? { merged: [] }
        : {
            trained: await putObject(root, trained),
            ...(fixed.size === 0 ? {} : { fixed: await putObject(root, fixed) }),
            merged: [],
          };
    return {
      ...{ round: 0, ends, state: digestOfState(ends), base: hub.prepared.model.digest },
      ...{ used: [], weights: [], refused: [], exact: isExact(aggregation), error: 0 },
      bytes: { up: 0, down: 0 },
      evaluation: await judged(context, model, hub.feed),
    };
  });
  await recordsIn(root).write(recordName.result(0), roundResult, result);
};

function tensorsOf(model: Model, isWanted: (suffix: string) => boolean): Map<string, Tensor> {
  return new Map(
    model.parameters
      .all()
      .flatMap(({ name, value, suffix }) =>
        suffix !== undefined && isWanted(suffix) ? [[name, value] as const] : [],
      ),
  );
}
