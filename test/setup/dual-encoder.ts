/**
 * A dual encoder of two real towers, DINOv2-S/14 at 112 x 112 pixels and all-MiniLM-L6-v2, which
 * were not trained together: it has no projections, which a job makes and trains. Only tests read
 * it.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { dinoV2 } from './dinov2.ts';
import { miniLm } from './minilm.ts';

const side = 112;

/** Writes it to `folder`, which it makes. */
export async function makeDualEncoder(folder: string): Promise<void> {
  const [pictures, texts] = [await dinoV2(), await miniLm()];
  await mkdir(folder, { recursive: true });
  const configOf = async (from: string) =>
    JSON.parse(await readFile(join(from, 'config.json'), 'utf8')) as Record<string, unknown>;
  const config = {
    ...{ model_type: 'vision-text-dual-encoder', projection_dim: 512, torch_dtype: 'float32' },
    architectures: ['VisionTextDualEncoderModel'],
    ...{ vision_config: await configOf(pictures), text_config: await configOf(texts) },
  };
  await writeFile(join(folder, 'config.json'), printConfig(config));
  const [first, second] = await Promise.all(
    [pictures, texts].map((from) => readFile(join(from, 'model.safetensors'))),
  );
  if (first === undefined || second === undefined) throw new Error('a tower has no weights');
  await writeFile(join(folder, 'model.safetensors'), together(first, second));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(texts, file), join(folder, file));
  }
  const preprocessor = await readFile(join(pictures, 'preprocessor_config.json'), 'utf8');
  const smaller = { size: { shortest_edge: side }, crop_size: { height: side, width: side } };
  const own = { ...(JSON.parse(preprocessor) as object), ...smaller };
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(own));
}

interface InFile {
  readonly data_offsets: readonly [number, number];
}

/** One file of both, with the names of their towers. */
function together(pictures: Buffer, texts: Buffer): Buffer {
  const [first, second] = [tensorsIn(pictures), tensorsIn(texts)];
  const end = first.data.length + second.data.length;
  const logitScale = Buffer.from(Float32Array.of(Math.log(1 / 0.07)).buffer);
  const below = (prefix: string, { tensors }: typeof first, from: number) =>
    Object.entries(tensors).map(([name, one]) => {
      const data_offsets = one.data_offsets.map((at) => at + from);
      return [`${prefix}.${name}`, { ...one, data_offsets }];
    });
  const json = JSON.stringify({
    __metadata__: { format: 'pt' },
    ...Object.fromEntries(below('vision_model', first, 0)),
    ...Object.fromEntries(below('text_model', second, first.data.length)),
    logit_scale: { dtype: 'F32', shape: [], data_offsets: [end, end + 4] },
  });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, first.data, second.data, logitScale]);
}

function tensorsIn(file: Buffer) {
  const end = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, end)) as Record<string, InFile>;
  const { __metadata__: _, ...tensors } = header;
  return { tensors, data: file.subarray(end) };
}
