// Checks headers against the record: before anything is downloaded or loaded, compares the presence
// and shape of every tensor with `config.json`, and reports all differences in one error.
import { UserError } from '../../crds/failures/errors.ts';
import type { DecoderConfig } from './config.ts';
import { canonicalName, type TensorSpec, tensorName, tensorSpecs } from './names.ts';

export interface FoundTensor {
  readonly shape: readonly number[];
  /** The file that contains it, for messages. */
  readonly file: string;
}

interface Binding {
  readonly spec: TensorSpec;
  /** Its name in the file. */
  readonly nameInFile: string;
  /**
   * Rows to take when the file has more: multimodal embeddings include tokens that are not text.
   */
  readonly rows?: number;
}

interface Confirmed {
  /** By the worker's names. */
  readonly tensors: ReadonlyMap<string, Binding>;
  /** A head beside a tied embedding: valid if both have the same bytes, which is checked later. */
  readonly tiedHead?: string;
}

export function confirmTensors(
  config: DecoderConfig,
  found: ReadonlyMap<string, FoundTensor>,
  path: string,
): Confirmed {
  const named = new Map<string, string>();
  const differences: string[] = [];
  for (const nameInFile of found.keys()) {
    const name = canonicalName(nameInFile);
    if (name === null) continue;
    const other = named.get(name);
    if (other !== undefined) differences.push(`${nameInFile} and ${other} are the same tensor`);
    named.set(name, nameInFile);
  }
  const tensors = new Map<string, Binding>();
  for (const spec of tensorSpecs(config)) {
    const nameInFile = named.get(spec.name);
    const tensor = nameInFile === undefined ? undefined : found.get(nameInFile);
    if (nameInFile === undefined || tensor === undefined) {
      differences.push(`${spec.name} is missing; it must be [${spec.shape.join(', ')}]`);
      continue;
    }
    const difference = differs(config, spec, tensor, nameInFile);
    if (difference === null) tensors.set(spec.name, bind(spec, tensor, nameInFile));
    else differences.push(difference);
  }
  const headName = tensorName(config, 'head');
  const tiedHead = config.tied ? named.get(headName) : undefined;
  const known = new Set([...tensorSpecs(config).map((spec) => spec.name), headName]);
  for (const [name, nameInFile] of named) {
    if (!known.has(name)) differences.push(`${nameInFile} is not a tensor of this family`);
  }
  if (differences.length > 0) throw contradiction(differences, path);
  return { tensors, ...(tiedHead === undefined ? {} : { tiedHead }) };
}

function bind(spec: TensorSpec, tensor: FoundTensor, nameInFile: string): Binding {
  const rows = spec.shape[0] ?? 1;
  const hasMore = (tensor.shape[0] ?? 1) > rows;
  return { spec, nameInFile, ...(hasMore ? { rows } : {}) };
}

function differs(
  config: DecoderConfig,
  spec: TensorSpec,
  tensor: FoundTensor,
  nameInFile: string,
): string | null {
  if (isSame(spec.shape, tensor.shape)) return null;
  const mayHaveMoreRows = config.family === 'gemma3' && spec.role === 'embedding';
  const [rows = 0, ...rest] = spec.shape;
  const [rowsFound = 0, ...restFound] = tensor.shape;
  if (mayHaveMoreRows && rowsFound > rows && isSame(rest, restFound)) return null;
  return (
    `${nameInFile} is [${tensor.shape.join(', ')}] in ${tensor.file}; it must be ` +
    `[${spec.shape.join(', ')}], from ${spec.from}`
  );
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

const shown = 12;

function contradiction(differences: readonly string[], path: string): UserError {
  const more = differences.length - shown;
  const listed = differences.slice(0, shown).join('; ');
  return new UserError({
    code: 'E_INVALID_MODEL',
    path,
    value: differences,
    message:
      `the tensors of ${path} contradict its configuration: ${listed}` +
      (more > 0 ? `; and ${more} more` : ''),
    hint: 'the configuration and the weights come from different models, or a file is incomplete',
  });
}
