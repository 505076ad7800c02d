// MixLoRA: Enhancing Large Language Models Fine-Tuning with LoRA-based Mixture of Experts (Li et
// al. 2024).
//
// Against LoRA: each MLP has N experts, which are LoRAs of its layers, and a router that sends each
// token to k of them. Attention has LoRA as ever.
//   p = softmax(x Wr^T) · S = the k experts of the largest p · w = p_S / sum of p_S      Wr [N, H]
//   y = sum over e in S of w_e MLP_e(x)      MLP_e: each layer W_j becomes W_j + s B_ej A_ej
// Routed in float32. Wr begins normal with deviation 0.02, A and B as in LoRA, so that step 0 is
// the base model wherever tokens go. The loss has a term that keeps experts in balance
// (balance.ts). Trained: experts, routers and LoRA in float32. Of gate and up the weights multiply
// each token once for all experts. Not a change of weights: there is no merged model.
// Differences from the release: of equal probabilities the first expert wins; files are safetensors
// and no pickle; its noise on inputs is left out.
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Adapter, Experts, LinearLayer, MlpLayer } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

/** Suffix of the router in files, and here. */
const router = 'moe_gate.weight';
const routerDeviation = 0.02;

interface MixLoraSettings extends StandardLora {
  readonly experts: number;
  /** How many of them a token goes to. */
  readonly chosen: number;
  /** Weight of the balance loss. */
  readonly balance: number;
}

export const mixLoraOf: AdapterOf<'MixLoRA'> = (own, common) =>
  mixLora({
    ...asLora(own, common),
    experts: own.numExperts,
    chosen: own.topK,
    balance: Number(own.routerAuxLossCoef),
  });

function mixLora(settings: MixLoraSettings): Adapter {
  const plain = standardLora(settings);
  return {
    ...plain,
    name: 'MixLoRA',
    targets: ({ path }) => !isInMlp(path) && settings.targets(path),
    experts: expertsOf(settings, plain),
  };
}

function expertsOf(settings: MixLoraSettings, lora: Adapter): Experts {
  const { experts: count, chosen, balance, seed, dtype } = settings;
  const targets = ({ linears }: MlpLayer) => linears.filter(({ path }) => settings.targets(path));
  return {
    ...{ count, chosen, balance },
    initialize(mlp) {
      const stream = streamOf(seed, 'router', mlp.path);
      const tensors = targets(mlp).flatMap((linear) =>
        Array.from({ length: count }, (_, expert) => {
          const { trained } = lora.initialize(expertAt(linear, expert), noInitial);
          const own = Object.entries(trained);
          return own.map(
            ([suffix, value]) => [`${prefixOf(nameOf(linear), expert)}.${suffix}`, value] as const,
          );
        }).flat(),
      );
      const gate = normal([count, mlp.in], routerDeviation, stream, dtype);
      return { trained: { [router]: gate, ...Object.fromEntries(tensors) } };
    },
    mixture(mlp, tensors, draw) {
      const byName = new Map(targets(mlp).map((linear) => [nameOf(linear), linear]));
      return {
        router: tensors(router),
        chosen,
        delta(expert, name) {
          const linear = byName.get(name);
          if (linear === undefined) return null;
          const own = (suffix: string) => tensors(`${prefixOf(name, expert)}.${suffix}`);
          return lora.factors(expertAt(linear, expert), own, draw);
        },
      };
    },
  };
}

/** A layer by the path of one expert, which names its random streams. */
function expertAt(linear: LinearLayer, expert: number): LinearLayer {
  return { ...linear, path: prefixOf(linear.path, expert) };
}

function prefixOf(name: string, expert: number): string {
  return `${name}.experts.${expert}`;
}

function nameOf({ path }: LinearLayer): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function isInMlp(path: string): boolean {
  return /\.mlp\.[^.]+$/.test(path);
}

const noInitial = (): never => {
  throw new RangeError('MixLoRA decomposes nothing');
};
