// Counts that follow from the record: parameters, and operations for a token.
import { type ModelConfig, type TensorSpec, valuesOf } from '../families/family.ts';
import type { DecoderConfig } from './config.ts';
import { blockSpecs } from './names.ts';
import { familyOf } from './registry.ts';

/** Of a model of any family. */
export function parameterCount(config: ModelConfig): number {
  return valuesOf(familyOf(config).tensors(config));
}

export function blockParameterCount(config: DecoderConfig, layer = 0): number {
  return valuesOf(blockSpecs(config, layer));
}

/** Parameters of the matrices that multiply every token, including the head. */
export function linearParameterCount(config: DecoderConfig): number {
  const blocks = config.L * valuesOf(blockSpecs(config, 0).filter(isLinear));
  return blocks + config.V * config.H;
}

/** A multiply-add counts as two; `meanAttended` is the mean number of tokens attended to. */
export function forwardFlopsPerToken(config: DecoderConfig, meanAttended: number): number {
  const { NH, D, L } = config;
  return 2 * linearParameterCount(config) + 4 * NH * D * meanAttended * L;
}

function isLinear({ kind }: TensorSpec): boolean {
  return kind === 'linear';
}
