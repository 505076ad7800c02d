// Checks headers against the record: before anything is downloaded or loaded, compares the presence
// and shape of every tensor with `config.json`, and reports all differences in one error.
import { UserError } from '../../crds/failures/errors.ts';
import {
  isOfHead,
  type ModelConfig,
  type ReadOptions,
  type TensorSpec,
} from '../families/family.ts';
import { familyOf } from './registry.ts';

export interface FoundTensor {
  readonly shape: readonly number[];
  /** The file that contains it, for messages. */
  readonly file: string;
}

interface Binding {
  readonly spec: TensorSpec;
  /** Its name in the file. */
  readonly nameInFile: string;
  /** Rows to take when the file has more. */
  readonly rows?: number;
}

interface Confirmed {
  /** By the worker's names. */
  readonly tensors: ReadonlyMap<string, Binding>;
  /** Those that the files lack and that are made. */
  readonly made: readonly string[];
  /** A head beside a tied embedding: valid if both have the same bytes, which is checked later. */
  readonly tiedHead?: string;
}

export function confirmTensors(
  config: ModelConfig,
  found: ReadonlyMap<string, FoundTensor>,
  path: string,
  { fromScratch = false }: ReadOptions = {},
): Confirmed {
  const family = familyOf(config);
  const specs = family.tensors(config);
  if (fromScratch) return { tensors: new Map(), made: allMade(config, specs, path) };
  const named = new Map<string, string>();
  const differences: string[] = [];
  for (const nameInFile of found.keys()) {
    const name = family.canonical(nameInFile, config);
    if (name === null) continue;
    const other = named.get(name);
    if (other !== undefined) differences.push(`${nameInFile} and ${other} are the same tensor`);
    named.set(name, nameInFile);
  }
  const tensors = new Map<string, Binding>();
  const made: string[] = [];
  for (const spec of specs) {
    const nameInFile = named.get(spec.name);
    const tensor = nameInFile === undefined ? undefined : found.get(nameInFile);
    if (nameInFile === undefined || tensor === undefined) {
      if (isOfHead(spec)) {
        made.push(spec.name);
        continue;
      }
      differences.push(`${spec.name} is missing; it must be [${spec.shape.join(', ')}]`);
      continue;
    }
    const difference = differs(spec, tensor, nameInFile);
    if (difference !== null && isOfHead(spec)) throw otherHead(difference, path);
    if (difference === null) tensors.set(spec.name, bind(spec, tensor, nameInFile));
    else differences.push(difference);
  }
  const { name: headName } = family.tied(config) ?? {};
  const tiedHead = headName === undefined ? undefined : named.get(headName);
  const known = new Set([...specs.map((spec) => spec.name), headName]);
  for (const [name, nameInFile] of named) {
    if (!known.has(name)) differences.push(`${nameInFile} is not a tensor of this family`);
  }
  if (differences.length > 0) throw contradiction(differences, path);
  return { tensors, made, ...(tiedHead === undefined ? {} : { tiedHead }) };
}

function allMade(
  { family }: ModelConfig,
  specs: readonly TensorSpec[],
  path: string,
): readonly string[] {
  if (specs.every(({ made }) => made !== undefined)) return specs.map(({ name }) => name);
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    value: family,
    message: `${path} is a ${family}, which is trained from its weights alone; a model that begins from scratch is a diffusion transformer`,
    hint: 'leave initialization out',
  });
}

function bind(spec: TensorSpec, tensor: FoundTensor, nameInFile: string): Binding {
  const rows = spec.shape[0] ?? 1;
  const hasMore = (tensor.shape[0] ?? 1) > rows;
  return { spec, nameInFile, ...(hasMore ? { rows } : {}) };
}

function differs(spec: TensorSpec, tensor: FoundTensor, nameInFile: string): string | null {
  if (isSame(spec.shape, tensor.shape)) return null;
  const [rows = 0, ...rest] = spec.shape;
  const [rowsFound = 0, ...restFound] = tensor.shape;
  if (spec.isPartOfTable && rowsFound > rows && isSame(rest, restFound)) return null;
  return (
    `${nameInFile} is [${tensor.shape.join(', ')}] in ${tensor.file}; it must be ` +
    `[${spec.shape.join(', ')}], from ${spec.from}`
  );
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** A head for other classes is whole, and so is the model: only the task is another. */
function otherHead(difference: string, path: string): UserError {
  return new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `the head of ${path} is for another task: ${difference}`,
    hint:
      'name the classes that the head was trained for, or remove its tensors from the files: ' +
      'a head that they lack is made',
  });
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
