// The linear layers of a block, by the sizes of a model. A convolution is one on the patches of its
// input: its inputs are the channels at all places of its kernel.
import type {
  DecoderFacts,
  DiffusionFacts,
  EncoderFacts,
  ModelFacts,
  RestorationFacts,
  SpeechFacts,
  VisionFacts,
} from '../plan/model-facts.ts';

type AttentionRole = 'q' | 'k' | 'v' | 'qkv' | 'o';
type MlpRole = 'gate' | 'up' | 'gate_up' | 'down';
/** What a layer computes of a block. A role that two others are in is their fused product. */
/** Attention to the states of another stage. */
type CrossRole = 'cross_q' | 'cross_k' | 'cross_v' | 'cross_o';
/** `modulation`: makes scales, shifts and gates of a block, once for each picture. */
export type LinearRole = AttentionRole | MlpRole | CrossRole | 'modulation' | 'conv';

export interface Linear {
  /** The end of its module path that no other layer of a block has: `q_proj`, `output.dense`. */
  readonly name: string;
  /** In the first block, as in PEFT: `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly role: LinearRole;
  readonly out: number;
  readonly in: number;
  /** Edge of a convolution's kernel. @default a linear layer */
  readonly kernel?: number;
  /** Of all blocks, the part that has it. */
  readonly share: number;
}

/** The linear layers of one block, in execution order; of blocks of two kinds those of both. */
export function linearsOf(facts: ModelFacts): readonly Linear[] {
  switch (facts.kind) {
    case 'decoder':
      return decoderLinears(facts);
    case 'encoder':
      return encoderLinears(facts);
    case 'vision':
      return visionLinears(facts);
    case 'diffusion':
      return diffusionLinears(facts);
    case 'restoration':
      return convolutions(facts);
    case 'speech':
      return speechLinears(facts);
  }
}

/** A sum over the linear layers of a block of average size. */
export function perBlock(linears: readonly Linear[], of: (linear: Linear) => number): number {
  return linears.reduce((sum, linear) => sum + of(linear) * linear.share, 0);
}

function decoderLinears({ H, NH, NK, D, I, fused }: DecoderFacts): readonly Linear[] {
  const layer = (part: string, role: LinearRole, out: number, inputs: number): Linear => {
    const name = `${role}_proj`;
    const path = `model.layers.0.${part}.${name}`;
    return { name, path, role, out, in: inputs, share: 1 };
  };
  const attention = fused
    ? [layer('self_attn', 'qkv', (NH + 2 * NK) * D, H)]
    : [
        layer('self_attn', 'q', NH * D, H),
        layer('self_attn', 'k', NK * D, H),
        layer('self_attn', 'v', NK * D, H),
      ];
  const mlp = fused
    ? [layer('mlp', 'gate_up', 2 * I, H)]
    : [layer('mlp', 'gate', I, H), layer('mlp', 'up', I, H)];
  return [...attention, layer('self_attn', 'o', H, NH * D), ...mlp, layer('mlp', 'down', H, I)];
}

function encoderLinears({ H, I, blocks }: EncoderFacts): readonly Linear[] {
  const layer = (part: string, name: string, role: LinearRole, out: number, inputs: number) => ({
    ...{ name, path: `${blocks}.0.${part}${name}`, role, out, in: inputs, share: 1 },
  });
  return [
    layer('attention.self.', 'query', 'q', H, H),
    layer('attention.self.', 'key', 'k', H, H),
    layer('attention.self.', 'value', 'v', H, H),
    layer('', 'attention.output.dense', 'o', H, H),
    layer('', 'intermediate.dense', 'up', I, H),
    layer('', 'output.dense', 'down', H, I),
  ];
}

function visionLinears({ H, I, blocks }: VisionFacts): readonly Linear[] {
  const layer = (part: string, name: string, role: LinearRole, out: number, inputs: number) => ({
    ...{ name, path: `${blocks}.0.${part}.${name}`, role, out, in: inputs, share: 1 },
  });
  return [
    layer('attention', 'q_proj', 'q', H, H),
    layer('attention', 'k_proj', 'k', H, H),
    layer('attention', 'v_proj', 'v', H, H),
    layer('attention', 'o_proj', 'o', H, H),
    layer('mlp', 'fc1', 'up', I, H),
    layer('mlp', 'fc2', 'down', H, I),
  ];
}

function diffusionLinears({ H, I }: DiffusionFacts): readonly Linear[] {
  const layer = (name: string, role: LinearRole, out: number, inputs: number) => ({
    ...{ name, path: `transformer_blocks.0.${name}`, role, out, in: inputs, share: 1 },
  });
  return [
    layer('norm1.linear', 'modulation', 6 * H, H),
    layer('attn1.to_q', 'q', H, H),
    layer('attn1.to_k', 'k', H, H),
    layer('attn1.to_v', 'v', H, H),
    layer('attn1.to_out.0', 'o', H, H),
    layer('ff.net.0.proj', 'up', I, H),
    layer('ff.net.2', 'down', H, I),
  ];
}

/** Rows of a layer for each token: 1, but for what is computed once for a picture. */
export function rowsPerToken(facts: ModelFacts, { role }: Pick<Linear, 'role'>): number {
  return facts.kind === 'diffusion' && role === 'modulation' ? 1 / facts.patches : 1;
}

function convolutions({ H, kernel, convolutions: paths }: RestorationFacts): readonly Linear[] {
  const sizes = { out: H, in: H * kernel ** 2, kernel };
  return paths.map((path) => ({ name: path, path, role: 'conv', share: 1, ...sizes }));
}

function speechLinears({ L, H, I, encoderBlocks }: SpeechFacts): readonly Linear[] {
  const half = (of: 'encoder' | 'decoder', blocks: number) => {
    const layer = (name: string, role: LinearRole, out: number, inputs: number): Linear => ({
      ...{ name, path: `model.${of}.layers.0.${name}`, role, out, in: inputs },
      share: blocks / L,
    });
    return {
      own: [
        layer('self_attn.q_proj', 'q', H, H),
        layer('self_attn.k_proj', 'k', H, H),
        layer('self_attn.v_proj', 'v', H, H),
        layer('self_attn.out_proj', 'o', H, H),
      ],
      crossed: [
        layer('encoder_attn.q_proj', 'cross_q', H, H),
        layer('encoder_attn.k_proj', 'cross_k', H, H),
        layer('encoder_attn.v_proj', 'cross_v', H, H),
        layer('encoder_attn.out_proj', 'cross_o', H, H),
      ],
      mlp: [layer('fc1', 'up', I, H), layer('fc2', 'down', H, I)],
    };
  };
  const [encoder, decoder] = [half('encoder', encoderBlocks), half('decoder', L - encoderBlocks)];
  return [
    ...[...encoder.own, ...encoder.mlp],
    ...[...decoder.own, ...decoder.crossed, ...decoder.mlp],
  ];
}

/** Layers with the same input, together. */
export function byInput<L extends Pick<Linear, 'role'>>(linears: readonly L[]): readonly L[][] {
  const inputOf = (linear: L) => (linear.role === 'conv' ? linear : inputs[linear.role]);
  return [...Map.groupBy(linears, inputOf).values()];
}

const inputs: Readonly<Record<Exclude<LinearRole, 'conv'>, string>> = {
  ...{ q: 'block', k: 'block', v: 'block', qkv: 'block', o: 'heads' },
  ...{ gate: 'mlp', up: 'mlp', gate_up: 'mlp', down: 'channels', modulation: 'picture' },
  ...{ cross_q: 'attended', cross_k: 'memory', cross_v: 'memory', cross_o: 'cross heads' },
};

/** Values of each of them. */
export function linearSizes(facts: ModelFacts): readonly number[] {
  return linearsOf(facts).map((linear) => linear.out * linear.in);
}

/** Values of the largest. */
export function largestLinear(facts: ModelFacts): number {
  return Math.max(...linearSizes(facts));
}

/** Whether it is in the MLP. */
export function isOfMlp({ role }: Pick<Linear, 'role'>): boolean {
  return role !== 'conv' && (inputs[role] === 'mlp' || role === 'down');
}

/** Those that a method names, by ends of their paths, as in PEFT; `AllLinear` is all of them. */
export function namedLinears(all: readonly Linear[], targets: readonly string[]) {
  if (targets.includes('AllLinear')) return all;
  return all.filter(({ path }) => targets.some((target) => isNamed(path, target)));
}

/** Whether a name in a job, which may be that of the layer of one block, is of this layer. */
export function isNamed(path: string, target: string): boolean {
  const inFirst = target.replace(/(?<=^|\.)\d+(?=\.)/, '0');
  return path === inFirst || path.endsWith(`.${inFirst}`);
}

/** The last part of a module path, which names a linear layer of a decoder. */
export function lastPart(target: string): string {
  return target.slice(target.lastIndexOf('.') + 1);
}
