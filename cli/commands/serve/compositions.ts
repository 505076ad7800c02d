// Compositions as they are asked for, without those that have no meaning.
import { nearestName, UserError } from '../../../crds/index.ts';
import {
  defaultSpan,
  hasSpans,
  hasWeights,
  mostParts,
  mostWeight,
} from '../../../crds/names/compose-modes.ts';
import type { Composition } from '../../../crds/serve/compositions.ts';
import type { AskedComposition } from './compose-flag.ts';

/** Of weights of a mean: a smaller sum makes numbers of rounding alone. */
const leastTotal = 0.01;

interface Known {
  readonly base: string;
  readonly adapters: readonly string[];
  /** Whether more adapters may come while the server runs. */
  readonly mayGrow: boolean;
}

/** Throws a sentence for what has no meaning. */
export function composed(asked: readonly AskedComposition[], known: Known): readonly Composition[] {
  return asked.map((one) => {
    requireParts(one, known, asked);
    requireWeights(one);
    const parts = one.parts.map(({ adapter, weight = 1 }) => ({ adapter, weight }));
    return { name: one.name, mode: one.mode, parts, span: one.span ?? defaultSpan };
  });
}

function requireParts(
  { name: own, parts }: AskedComposition,
  { base, adapters, mayGrow }: Known,
  all: readonly AskedComposition[],
): void {
  if (parts.length === 0)
    throw refused(`${own} has no part`, 'name adapters, as in both=one,other');
  if (parts.length > mostParts) {
    throw refused(`${own} has ${parts.length} parts; it may have ${mostParts} at most`);
  }
  const names = parts.map(({ adapter }) => adapter);
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined) {
    throw refused(
      `${own} has the part ${twice} twice`,
      'name it once, with the sum of the weights',
    );
  }
  for (const one of names) {
    if (adapters.includes(one)) continue;
    if (one === base) throw refused(`${own} has the base ${one} as a part; parts are adapters`);
    if (all.some((other) => other.name === one)) {
      throw refused(`${own} has the composition ${one} as a part; parts are adapters`);
    }
    if (mayGrow) continue;
    const near = nearestName(one, adapters);
    throw refused(
      `${own} has the part ${one}, and no adapter has that name`,
      near === undefined ? `name its folder with --adapter ${one}=FOLDER` : `did you mean ${near}?`,
    );
  }
}

function requireWeights({ name: own, mode, parts, span }: AskedComposition): void {
  if (span !== undefined && !hasSpans(mode)) {
    throw refused(`${own} has a span, and in the mode ${mode} no part leads for a span`);
  }
  for (const { adapter, weight } of parts) {
    if (weight === undefined) continue;
    if (!hasWeights(mode)) {
      throw refused(
        `${own} gives ${adapter} a weight, and the mode ${mode} sets weights by itself`,
        'leave the weight out, or use merge or logits',
      );
    }
    if (weight === 0) throw refused(`${own} gives ${adapter} the weight 0`, 'leave the part out');
    if (Math.abs(weight) > mostWeight) {
      throw refused(
        `${own} gives ${adapter} the weight ${weight}; it must lie between -${mostWeight} and ${mostWeight}`,
      );
    }
  }
  const total = parts.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (mode === 'logits' && total < leastTotal) {
    throw refused(
      `the weights of ${own} add up to ${total}; those of a mean of logits must add up to ${leastTotal} at least`,
    );
  }
}

function refused(message: string, hint?: string): UserError {
  return new UserError({ code: 'E_USAGE', message, ...(hint === undefined ? {} : { hint }) });
}
