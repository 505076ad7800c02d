// Gates of layers that may get an adapter (DiffoRA): how they train, and which layers they choose.
// Pure, of numbers that are the same at every rank of a world.

export interface Gates {
  /** A gate is the sigmoid of its logit. */
  readonly logits: readonly number[];
  readonly means: readonly number[];
  /** Running mean of the squares of all gradients. */
  readonly square: number;
  readonly steps: number;
}

const beta1 = 0.5;
const beta2 = 0.999;

export function openGates(count: number): Gates {
  const zeros = new Array<number>(count).fill(0);
  return { logits: zeros, means: zeros, square: 0, steps: 0 };
}

export function gateOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/**
 * A step down the gradients of the loss for the values of the gates. Adam, with one second moment
 * for all: with one for each, gates that the loss hardly depends on would move as far as others.
 */
export function movedGates(gates: Gates, gradients: readonly number[], rate: number): Gates {
  const own = gates.logits.map((logit, i) => {
    const gate = gateOf(logit);
    return (gradients[i] ?? 0) * gate * (1 - gate);
  });
  const steps = gates.steps + 1;
  const mean = own.reduce((sum, one) => sum + one ** 2, 0) / Math.max(1, own.length);
  const square = beta2 * gates.square + (1 - beta2) * mean;
  const means = gates.means.map((old, i) => beta1 * old + (1 - beta1) * (own[i] ?? 0));
  const size = Math.sqrt(square / (1 - beta2 ** steps));
  const logits = gates.logits.map((logit, i) => {
    const change = (means[i] ?? 0) / (1 - beta1 ** steps);
    return size === 0 ? logit : logit - (rate * change) / size;
  });
  return { logits, means, square, steps };
}

/** Of each block, the layers with the largest gates; of equal ones the first. */
export function chosenLayers(
  gates: Gates,
  blocks: readonly number[],
  count: (layers: number) => number,
): readonly boolean[] {
  const logit = (i: number) => gates.logits[i] ?? 0;
  const places = Map.groupBy(blocks.keys(), (i) => blocks[i]);
  const chosen = new Set(
    [...places.values()].flatMap((own) =>
      own.toSorted((a, b) => logit(b) - logit(a) || a - b).slice(0, count(own.length)),
    ),
  );
  return blocks.map((_, i) => chosen.has(i));
}
