// One round of a federation: from what clients trained to the state that the next round begins
// with, as a pure function. Clients are sorted by their names, so nothing depends on who was first;
// the result is rounded to float32 once, and its error is measured after that.

import type { Aggregation } from '../../crds/api/federation.ts';
import { Bug } from '../../crds/failures/errors.ts';
import { correctedB } from './lora-fair.ts';
import { type Matrix, rounded, weightedSum } from './matrix.ts';
import {
  errorOfCores,
  errorOfMean,
  errorOfStack,
  type Factors,
  type Gap,
  meanOfFactors,
  relativeError,
  stackedFactors,
  weightsOf,
} from './mean.ts';

/** By name: `<module path>.lora_A.weight` and so on. */
export type Tensors = ReadonlyMap<string, Matrix>;

export interface ClientUpdate {
  readonly client: string;
  readonly samples: number;
  /** Of its adapter: the change of a layer is `scale B A`. */
  readonly scale: number;
  readonly tensors: Tensors;
}

export interface Round {
  readonly aggregation: Aggregation;
  readonly weights: 'Samples' | 'Uniform';
  /** Of LoRA-FAIR. */
  readonly lambda: number;
  readonly clients: readonly ClientUpdate[];
  /** What no client trains: A of FFA-LoRA, both factors of Fed-SB. */
  readonly fixed: Tensors;
}

export interface Aggregated {
  readonly tensors: Tensors;
  readonly clients: readonly string[];
  /** Of these clients. */
  readonly weights: readonly number[];
  /** Distance to the mean of the clients' changes, as a part of it. */
  readonly error: number;
}

export const suffixes = { A: 'lora_A.weight', B: 'lora_B.weight', R: 'lora_R.weight' } as const;
type Suffix = keyof typeof suffixes;

/** Whether the mean of the changes is met, but for rounding. */
export function isExact(aggregation: Aggregation): boolean {
  return aggregation !== 'FedAvg' && aggregation !== 'LoRAFAIR';
}

/** Which tensors a client trains, and which nobody does. */
export const trainedSuffixes = {
  FedAvg: ['A', 'B'],
  FFALoRA: ['B'],
  FLoRA: ['A', 'B'],
  FedSB: ['R'],
  LoRAFAIR: ['A', 'B'],
} as const satisfies Record<Aggregation, readonly Suffix[]>;

export function aggregate(round: Round): Aggregated {
  const clients = round.clients.toSorted((a, b) => (a.client < b.client ? -1 : 1));
  const weights = weightsOf(round.weights, clients);
  const tensors = new Map<string, Matrix>();
  const gaps: Gap[] = [];
  for (const path of layersOf(clients[0]?.tensors ?? new Map())) {
    const layer = layerOf({ ...round, clients }, path);
    const { result, gap } = rules[round.aggregation](layer, weights, round.lambda);
    gaps.push(gap);
    for (const [name, value] of result) tensors.set(`${path}.${suffixes[name]}`, value);
  }
  const names = clients.map(({ client }) => client);
  return { tensors, clients: names, weights, error: relativeError(gaps) };
}

function layersOf(tensors: Tensors): readonly string[] {
  const paths = [...tensors.keys()].map((name) => name.split('.').slice(0, -2).join('.'));
  return [...new Set(paths)].sort();
}

interface Layer {
  /** Of each client, or what is the same for all. */
  of(name: Suffix): readonly Matrix[];
  readonly scales: readonly number[];
}

function layerOf({ clients, fixed }: Round, path: string): Layer {
  return {
    scales: clients.map(({ scale }) => scale),
    of: (name) =>
      clients.map(({ tensors }) => {
        const full = `${path}.${suffixes[name]}`;
        const found = tensors.get(full) ?? fixed.get(full);
        if (found === undefined) throw new Bug(`${full} is neither trained nor fixed`);
        return found;
      }),
  };
}

type Rule = (
  layer: Layer,
  weights: readonly number[],
  lambda: number,
) => { readonly result: readonly (readonly [Suffix, Matrix])[]; readonly gap: Gap };

const rules: Readonly<Record<Aggregation, Rule>> = {
  FedAvg(layer, weights) {
    const clients = factorsOf(layer);
    return averaged(clients, weights, meanOfFactors(weights, clients));
  },
  FFALoRA(layer, weights) {
    const clients = factorsOf(layer);
    const B = rounded(weightedSum(weights, layer.of('B')));
    const [A] = layer.of('A');
    if (A === undefined) throw new Bug('a round without clients is not aggregated');
    return { result: [['B', B]], gap: errorOfMean(weights, clients, { A, B }) };
  },
  FLoRA(layer, weights) {
    const clients = factorsOf(layer).map((own, i) => ({ ...own, scale: layer.scales[i] ?? 1 }));
    const exact = stackedFactors(weights, clients);
    const stack = { A: rounded(exact.A), B: exact.B };
    return { result: [...both(stack)], gap: errorOfStack(weights, clients, stack) };
  },
  FedSB(layer, weights) {
    const cores = layer.of('R');
    const R = rounded(weightedSum(weights, cores));
    const [[A], [B]] = [layer.of('A'), layer.of('B')];
    if (A === undefined || B === undefined) throw new Bug('cores lie between two factors');
    return { result: [['R', R]], gap: errorOfCores(weights, cores, R, { A, B }) };
  },
  LoRAFAIR(layer, weights, lambda) {
    const clients = factorsOf(layer);
    const mean = meanOfFactors(weights, clients);
    return averaged(clients, weights, {
      A: mean.A,
      B: correctedB(weights, clients, mean, lambda),
    });
  },
};

function averaged(
  clients: readonly Factors[],
  weights: readonly number[],
  exact: Factors,
): ReturnType<Rule> {
  const global = { A: rounded(exact.A), B: rounded(exact.B) };
  return { result: both(global), gap: errorOfMean(weights, clients, global) };
}

function both({ A, B }: Factors): readonly (readonly [Suffix, Matrix])[] {
  return [
    ['A', A],
    ['B', B],
  ];
}

function factorsOf(layer: Layer): readonly Factors[] {
  const B = layer.of('B');
  return layer.of('A').flatMap((A, i) => (B[i] === undefined ? [] : [{ A, B: B[i] }]));
}
