// Names and layout of decoder tensors in GGUF files, by role.
import type { DecoderConfig } from './config.ts';
import type { FamilyName } from './families.ts';
import type { DecoderTensor, Role } from './names.ts';

/** `general.architecture` by family; Mistral computes the same as Llama and is written as it. */
export const ggufArchitectures: Readonly<Record<FamilyName, string>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  phi3: 'phi3',
  gemma: 'gemma',
  gemma2: 'gemma2',
  gemma3: 'gemma3',
};

const bases: Readonly<Record<Role, string>> = {
  embedding: 'token_embd',
  finalNorm: 'output_norm',
  head: 'output',
  inputNorm: 'attn_norm',
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  qkv: 'attn_qkv',
  o: 'attn_output',
  qNorm: 'attn_q_norm',
  kNorm: 'attn_k_norm',
  postAttentionNorm: 'post_attention_norm',
  preMlpNorm: 'ffn_norm',
  postMlpNorm: 'post_ffw_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  /** Phi-3: gate and up in one matrix, under the name of up. */
  gateUp: 'ffn_up',
  down: 'ffn_down',
};

export function ggufName({ role, place, part }: Pick<DecoderTensor, 'role' | 'place' | 'part'>) {
  const name = `${bases[role]}.${part}`;
  return typeof place === 'number' ? `blk.${place}.${name}` : name;
}

/** Tensors of the container that are not weights: tables of RoPE divisors. */
export const ropeTables = {
  llama3: 'rope_freqs.weight',
  long: 'rope_factors_long.weight',
  short: 'rope_factors_short.weight',
} as const;

/**
 * Number of heads whose rows the file has as neighbouring pairs (2i, 2i + 1), where Hugging Face
 * has halves (i, i + D/2): q and k of the architecture `llama`. 0 for equal layouts. A wrong choice
 * gives fluent nonsense.
 */
export function pairedHeads(config: DecoderConfig, role: Role): number {
  if (ggufArchitectures[config.family] !== 'llama') return 0;
  if (role === 'q') return config.NH;
  return role === 'k' ? config.NK : 0;
}

/** Gemma's norms are stored as `1 + w`. */
export function hasShiftedNorm(config: DecoderConfig, role: Role): boolean {
  return config.normOffset === 1 && /norm$/i.test(role);
}
