// Folders of the results below the destination, and conflicts with them. A result replaces the
// whole folder of its name, so a model or data in it would be lost while it is read.
import type { FineTuneJobSpec } from '../api/job.ts';

/** By format of the result. */
export const resultFolder = {
  PEFTAdapter: 'adapter',
  GGUFAdapter: 'gguf-adapter',
  UniformPEFTAdapter: 'uniform-adapter',
  MergedSafetensors: 'merged',
  GGUF: 'gguf',
  AQLM: 'aqlm',
  MixLoRA: 'mixlora',
  KaSA: 'kasa',
  CompressedTensors: 'compressed-tensors',
  GPTQ: 'gptq',
  AWQ: 'awq',
} as const;

/** Beside them, of tasks that have pictures to show: some of them before and after. */
export const picturesFolder = 'before-after';

/** Forms of an adapter by itself; the others are those of a whole model. */
export const adapterForms = [
  'PEFTAdapter',
  'GGUFAdapter',
  'UniformPEFTAdapter',
  'MixLoRA',
  'KaSA',
] as const;

/** Forms of a whole model with linear layers as integers. */
export const integerForms = ['CompressedTensors', 'GPTQ', 'AWQ'] as const;
export type IntegerForm = (typeof integerForms)[number];

export function isIntegerForm(format: keyof typeof resultFolder): format is IntegerForm {
  return integerForms.some((form) => form === format);
}

export function isAdapterForm(format: keyof typeof resultFolder): boolean {
  return adapterForms.some((form) => form === format);
}

/**
 * Whether results would be written into the model's folder, or would replace what is read. `read`:
 * the model. Plain paths of one volume.
 */
export function liesInTheWay(destination: string, read: string): boolean {
  const [to, from] = [partsOf(destination), partsOf(read)];
  if (to.some((part, index) => from[index] !== part)) return false;
  const [next] = from.slice(to.length);
  return (
    next === undefined || [...Object.values<string>(resultFolder), picturesFolder].includes(next)
  );
}

/** As far as the spec shows: two paths of one claim, or of this machine. */
export function resultsHitModel({ model, output }: FineTuneJobSpec): boolean {
  const { source } = model;
  const { destination } = output;
  const claim = source.persistentVolumeClaim;
  const claimOut = destination?.persistentVolumeClaim;
  if (claim !== undefined && claimOut !== undefined) {
    return claim.claimName === claimOut.claimName && liesInTheWay(claimOut.path, claim.path);
  }
  if (source.local === undefined || destination?.local === undefined) return false;
  const [to, from] = [destination.local.path, source.local.path];
  // A relative and an absolute path can be compared only where the files are.
  return to.startsWith('/') === from.startsWith('/') && liesInTheWay(to, from);
}

function partsOf(path: string): readonly string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}
