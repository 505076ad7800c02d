// Describes a model from its configuration and headers, read from this disk or by ranges from a
// hub. Reads no tensor and does not load libtorch.
import { UserError } from '../../crds/failures/errors.ts';
import type { ModelConfig, ReadOptions, TensorSpec } from '../families/family.ts';
import type { GgufHeader } from '../files/gguf-header.ts';
import type { SafetensorsHeader } from '../files/safetensors-header.ts';
import { decoderConfig } from './config.ts';
import { textConfigJson } from './config-file.ts';
import { confirmTensors } from './confirm.ts';
import { ggufToConfigJson, type ReadTable } from './gguf-config.ts';
import { ggufName, ropeTables } from './gguf-names.ts';
import { tensorSpecs } from './names.ts';
import { familyOf, readModelConfig } from './registry.ts';

/** One tensor of the model and its location. */
export interface StoredTensor {
  readonly spec: TensorSpec;
  readonly file: string;
  readonly nameInFile: string;
  /** Name of the type in the file: `BF16`, `Q4_K`. */
  readonly type: string;
  /** First byte in the file, and the byte after the last. */
  readonly begin: number;
  readonly end: number;
}

export interface ModelHeaders {
  /** The requested folder or file. */
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  readonly config: ModelConfig;
  /** The model's `config.json`: the original, or the one that a GGUF file's metadata gives. */
  readonly configJson: Readonly<Record<string, unknown>>;
  /** By the worker's names, in the order of computation. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Names of tensors that the files lack and that are made: heads, before their first training. */
  readonly made: readonly string[];
  /** Tensors that files repeat: valid if each has the bytes of the one that is used. */
  readonly copies: readonly StoredTensor[];
  /** Files with tensors, sorted. */
  readonly files: readonly string[];
  /** The header of a GGUF model. */
  readonly gguf?: GgufHeader;
  /** A head beside a tied embedding: valid if both have the same bytes. */
  readonly tiedHead?: StoredTensor;
}

interface SafetensorsParts {
  readonly configJson: unknown;
  /** By file name, which the stored tensors repeat. */
  readonly headers: ReadonlyMap<string, SafetensorsHeader>;
}

export function describeSafetensors(
  path: string,
  { configJson, headers }: SafetensorsParts,
  options: ReadOptions = {},
): ModelHeaders {
  const config = readModelConfig(configJson, { path: 'config.json', ...options });
  const found = new Map<string, Found>();
  for (const [file, { tensors }] of headers) {
    for (const [name, { type, shape, begin, end }] of tensors) {
      const other = found.get(name)?.file;
      if (other !== undefined) throw invalid(path, `${name} is in ${other} and in ${file}`);
      found.set(name, { file, nameInFile: name, type, shape, begin, end });
    }
  }
  const { tensors, made, tiedHead } = confirmTensors(config, found, path, options);
  const stored = (spec: TensorSpec, nameInFile: string): StoredTensor => {
    const location = found.get(nameInFile);
    if (location === undefined) throw invalid(path, `${nameInFile} is missing`);
    const { shape: _, ...rest } = location;
    return { spec, ...rest };
  };
  const family = familyOf(config);
  const { name, to = '' } = family.tied(config) ?? {};
  const copies = family.tensors(config).flatMap((spec) =>
    family
      .namesInFiles(spec.name, config)
      .filter((each) => found.has(each) && each !== tensors.get(spec.name)?.nameInFile)
      .map((each) => stored(spec, each)),
  );
  const used = tensors.get(to)?.spec;
  return {
    ...{ path, format: 'safetensors', config, files: [...headers.keys()].sort() },
    configJson: textConfigJson(configJson, 'config.json'),
    tensors: new Map([...tensors].map(([name, b]) => [name, stored(b.spec, b.nameInFile)])),
    made,
    copies,
    ...(tiedHead !== undefined && name !== undefined && used !== undefined
      ? { tiedHead: stored({ ...used, name }, tiedHead) }
      : {}),
  };
}

type Found = Omit<StoredTensor, 'spec'> & { readonly shape: readonly number[] };

interface GgufParts {
  readonly file: string;
  readonly header: GgufHeader;
  /** null: the data are not available. Sizes are still right; RoPE may lack its scaling. */
  readonly readTable: ReadTable | null;
}

export function describeGguf(
  path: string,
  { file, header, readTable }: GgufParts,
  options: ReadOptions = {},
): ModelHeaders {
  const configJson = ggufToConfigJson(header, readTable, file);
  const config = decoderConfig(readModelConfig(configJson, { path: file, ...options }));
  const specs = new Map(tensorSpecs(config).map((spec) => [ggufName(spec), spec]));
  const tables: readonly string[] = Object.values(ropeTables);
  const found = new Map(
    [...header.tensors]
      .filter(([name]) => !tables.includes(name))
      .map(([name, { shape }]) => [specs.get(name)?.name ?? name, { shape, file }]),
  );
  confirmTensors(config, found, file);
  const tensors = new Map<string, StoredTensor>();
  for (const [nameInFile, spec] of specs) {
    const info = header.tensors.get(nameInFile);
    if (info === undefined) throw invalid(file, `${nameInFile} is missing`);
    const { begin, end } = info;
    tensors.set(spec.name, { spec, file, nameInFile, type: info.type.name, begin, end });
  }
  const headers = { path, format: 'gguf', config, configJson, tensors } as const;
  const described = { ...headers, made: [], copies: [] };
  return { ...described, files: [file], gguf: header };
}

function invalid(path: string, message: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}` });
}
