// What may happen to the files of a checkpoint of several ranks, and the words in which the reader
// tells it.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Damage {
  readonly what: string;
  /** Given the folder of the checkpoint. */
  readonly spoil: (folder: string) => void;
  readonly words: RegExp;
}

export const damages: readonly Damage[] = [
  {
    what: 'a byte of the second shard is another',
    spoil: (folder) => {
      const path = join(folder, 'shard-1.safetensors');
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
      writeFileSync(path, bytes);
    },
    words: /shard-1\.safetensors does not have the SHA-256 of its manifest/,
  },
  {
    what: 'the manifest is torn',
    spoil: (folder) => truncateSync(join(folder, 'manifest.json'), 200),
    words: /manifest\.json is not JSON: .*; the file was cut off or overwritten/,
  },
];
