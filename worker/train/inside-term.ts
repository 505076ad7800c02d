// The loss of values inside the blocks that a method adds to that of the task: what it is in a
// step, and what the step says of it.
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Batch } from '../data/batch.ts';
import type { Model } from '../engine/model.ts';
import { balanceLoss } from '../methods/adapters/balance.ts';
import { densityLoss } from '../methods/rules/density-loss.ts';
import type { InsideLoss } from '../nn/inside.ts';
import type { TrainerParts } from './parts.ts';

type StepMessage = Extract<TelemetryBody, { type: 'step' }>;

interface InsideTerm {
  readonly loss: InsideLoss;
  /** Of what the loss measures, over all blocks, micro-batches and ranks. */
  said(sums: readonly number[]): {
    readonly words: string;
    readonly fields: Pick<StepMessage, 'density' | 'experts'>;
  };
}

/** Null where the method has none. No method has two. */
export function insideTerm(
  { model, density }: Pick<TrainerParts, 'model' | 'density'>,
  batch: Pick<Batch, 'tokens'>,
): InsideTerm | null {
  if (density !== undefined) return densityTerm(model, density, batch);
  return model.adapter?.experts === undefined ? null : balanceTerm(model, batch);
}

function densityTerm(
  { config: { L, I } }: Model,
  { weight, epsilon }: NonNullable<TrainerParts['density']>,
  { tokens }: Pick<Batch, 'tokens'>,
): InsideTerm {
  const values = tokens * L * I;
  return {
    loss: densityLoss({ epsilon, coefficient: weight / values }),
    said([term = 0, inUse = 0]) {
      const [loss, share] = [term / values, inUse / values];
      return {
        words: `density ${share.toFixed(3)}, density loss ${loss.toFixed(4)}`,
        fields: { density: { loss, share } },
      };
    },
  };
}

function balanceTerm(
  { config: { L }, adapter }: Model,
  { tokens }: Pick<Batch, 'tokens'>,
): InsideTerm | null {
  const experts = adapter?.experts;
  if (experts === undefined) return null;
  const routed = tokens * L;
  return {
    loss: balanceLoss({ experts: experts.count, coefficient: experts.balance / routed }),
    said([term = 0, ...counts]) {
      const balance = term / (routed * experts.chosen);
      const shares = counts.map((count) => count / (routed * experts.chosen));
      const percent = (share: number) => (100 * share).toFixed(1);
      const range = `${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} %`;
      return {
        words: `experts have ${range} of the tokens, balance ${balance.toFixed(3)}`,
        fields: { experts: { balance, shares } },
      };
    },
  };
}
