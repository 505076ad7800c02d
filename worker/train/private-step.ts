// One optimizer step under differential privacy: a pass for each record by itself, whose gradients
// are clipped and added up (engine/private-sum.ts), then one update with noise. The loss of a
// record is the mean over its own target tokens: a mean over those of the batch would have each
// record depend on the others. Losses are not read: they are those of records.
import type { HostSequence, PackedSequence } from '../engine/packed-sequence.ts';
import { type PrivateSettings, PrivateSum } from '../engine/private-sum.ts';
import type { Gradient, StepUpdateSink } from '../engine/update.ts';
import { sharedPlace } from '../families/family.ts';
import { scope } from '../tensor/scope.ts';
import { type StepInputs, step } from './step.ts';

type Shared = Omit<StepInputs, 'sequences' | 'targetTokens' | 'inside' | 'probe' | 'seen'>;

interface PrivateStep extends Shared {
  /** Of each record. */
  readonly records: readonly (readonly HostSequence[])[];
  readonly settings: PrivateSettings;
  onDevice(sequence: HostSequence): PackedSequence;
}

export function privateStep({ records, settings, onDevice, update, ...shared }: PrivateStep) {
  const { model, active } = shared;
  return scope(() => {
    const layers = [...model.places.order.toReversed(), sharedPlace];
    const sum = new PrivateSum(layers.flatMap(active), settings);
    for (const record of records) {
      const targetTokens = record.reduce((all, { targetCount }) => all + targetCount, 0);
      if (targetTokens === 0) continue;
      scope(() => {
        const sequences = record.map(onDevice);
        step({ ...shared, sequences, targetTokens, update: into(sum), regularizes: false });
      });
    }
    // In the order of a backward, as any step.
    for (const layer of layers) {
      const gradients = sum.finish(active(layer));
      if (gradients.length > 0) update.offer(gradients);
    }
    const { sums: _none, ...outcome } = update.finish();
    const sums: Readonly<Record<string, number>> = {};
    return { ...outcome, sums, regularization: 0, measured: [] };
  }, model.device);
}

/** Takes the gradients of one record when its last has come: the norm is over all of them. */
function into(sum: PrivateSum): StepUpdateSink {
  const taken: Gradient[] = [];
  return {
    offer: (gradients) => void taken.push(...gradients),
    finish(sums = []) {
      sum.add(taken);
      for (const { value } of taken) value.dispose();
      // Nothing else of a record is read.
      return { gradientNorm: 0, clipFactor: 1, applied: true, sums: sums.map(() => 0) };
    },
  };
}
