// `model.safetensors.index.json`: the file of each tensor in a model of several files.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

interface SafetensorsIndex {
  /** File name in the same folder, by tensor name. */
  readonly files: ReadonlyMap<string, string>;
  /** Bytes of all tensors, where the index has it. */
  readonly totalBytes?: number;
}

export const indexFileName = 'model.safetensors.index.json';

const indexFile = z.object({
  metadata: z.object({ total_size: z.number().min(0).nullish() }).nullish(),
  weight_map: z.record(z.string(), z.string()),
});

export function parseSafetensorsIndex(bytes: Uint8Array, path = indexFileName): SafetensorsIndex {
  const parsed = indexFile.safeParse(readIndex(bytes, path));
  if (!parsed.success) {
    const issues = parsed.error.issues.map((each) => `${each.path.join('.')}: ${each.message}`);
    throw invalid(path, issues.slice(0, 5).join('; '), parsed.error);
  }
  const { weight_map: map, metadata } = parsed.data;
  for (const [name, file] of Object.entries(map)) {
    // An untrusted name becomes a path, which must not leave the folder.
    if (!/^[\w][\w.-]*\.safetensors$/.test(file)) {
      throw invalid(path, `tensor ${name} is in ${JSON.stringify(file)}; it must be a file name`);
    }
  }
  const totalBytes = metadata?.total_size;
  return {
    files: new Map(Object.entries(map)),
    ...(totalBytes == null ? {} : { totalBytes }),
  };
}

export function printSafetensorsIndex(index: Required<SafetensorsIndex>): string {
  const sorted = [...index.files].sort(([a], [b]) => (a < b ? -1 : 1));
  const document = {
    metadata: { total_size: index.totalBytes },
    weight_map: Object.fromEntries(sorted),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function readIndex(bytes: Uint8Array, path: string): unknown {
  try {
    return parseJson(bytes, jsonLimits.safetensorsIndex);
  } catch (cause) {
    if (cause instanceof RefusedBytes) throw invalid(path, `it ${cause.message}`, cause);
    throw cause;
  }
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}`, cause });
}
