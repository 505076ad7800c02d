// A diffusion transformer whose blocks were quantized after training, as diffusers reads it, and
// its integers beside it:
//   transformer/, scheduler/   a pipeline: weights are what integers stand for, with what is added
//     to them, in the type of the model; biases are those of smoothed layers
//   integers/   codes and scales, and what inputs are divided by (coded-integers.ts)
//   low-rank/   what is added, of inputs as they are, as a PEFT adapter; it is in transformer/ too
// An output is  Q(x / divisor) W^T + x A^T B^T + bias , where Q rounds each token by itself.
import { TerminalError } from '../../crds/failures/errors.ts';
import { openModel } from '../decoder/model-files.ts';
import { familyOf } from '../decoder/registry.ts';
import { buildModel, type ModelSource, modelSource } from '../engine/build-model.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { exactlyRead, withRoundedInputs } from '../quantize/rounded-inputs.ts';
import { branchMatrix, type LowRankBranch } from '../quantize/trial.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { type CodedIntegers, openIntegers, writeCodedIntegers } from './coded-integers.ts';
import type { Coded } from './compressed-tensors.ts';
import { readBranches, writeBranches } from './low-rank-folder.ts';
import { mergedPanels } from './merge.ts';
import { writePipeline } from './pipeline-folder.ts';

/** How the folder is written, and read back. */
export function codedPipeline(
  facts: ArtifactFacts,
  coded: Coded & CodedIntegers,
): Pick<ArtifactWriter, 'write' | 'reload'> {
  const { inputs, layers, layout, branches = null } = coded;
  return {
    async write(folder) {
      const bytes = await writePipeline(folder, tensorsOf(facts, coded), facts.files);
      const ofIntegers = await writeCodedIntegers(folder, coded);
      const beside = branches === null ? 0 : await writeBranches(folder, facts, branches);
      return bytes + ofIntegers + beside;
    },
    async reload(folder, dtype) {
      using files = openModel(folder);
      using stored = openIntegers(folder, files.config, layers);
      using beside = branches && readBranches(folder);
      const dense = modelSource(files);
      const { divisors } = stored;
      for (const layer of layers.values()) {
        const parts = {
          values: () => layout.decoded(stored, layer, 'float32'),
          branch: () => beside?.branch(layer.path) ?? null,
          divisor: () => divisors(layer.path),
        };
        requireWhole(dense, layer, parts, facts.model.dtype);
      }
      const source: ModelSource = {
        ...dense,
        load(name, type) {
          const layer = layers.get(name.replace(/\.weight$/, ''));
          const isCoded = layer !== undefined && name.endsWith('.weight');
          return isCoded ? layout.decoded(stored, layer, type) : dense.load(name, type);
        },
      };
      return buildModel(source, {
        ...{ dtype, adapter: beside?.adapter ?? null, trains: () => false },
        ...{ sequenceLength: undefined },
        precision: withRoundedInputs({
          ...{ grid: inputs, exact: exactlyRead(files.config), divisor: divisors },
        }),
      });
    },
  };
}

/** Of the pipeline, by their names in its file. */
function tensorsOf(
  facts: ArtifactFacts,
  { layers, branches = null, values, divisor, vector }: Coded & CodedIntegers,
): ReadonlyMap<string, WritableTensor> {
  const { files, model } = facts;
  const { dtype } = model;
  const { namesInFiles } = familyOf(files.config);
  const planned = (name: string): WritableTensor => {
    const { shape } = files.headers.tensors.get(name)?.spec ?? model.parameters.get(name);
    const layer = layers.get(name.replace(/\.weight$/, ''));
    if (layer !== undefined && name.endsWith('.weight')) {
      const parts = {
        values: () => values(layer.path, [0, layer.out]),
        branch: () => branches && inFile(branches.of(layer.path)),
        divisor: () => divisor(layer.path),
      };
      return { shape, dtype, make: () => ops.to(wholeOf(parts), dtype) };
    }
    const other = vector?.(name) ?? null;
    return other === null
      ? { shape, dtype, panels: () => mergedPanels(facts, name, dtype) }
      : { shape, dtype, make: () => ops.to(other, dtype) };
  };
  return new Map(
    files.tensorNames.flatMap((name) =>
      namesInFiles(name, files.config).map((nameInFile) => [nameInFile, planned(name)] as const),
    ),
  );
}

/** Of a layer; each is made where it is called. */
interface Parts {
  /** That integers stand for, float32. */
  values(): Tensor;
  /** As its file has it. */
  branch(): LowRankBranch | null;
  divisor(): Tensor | null;
}

/** The weight of a layer for inputs that are neither divided nor rounded, float32. */
function wholeOf({ values, branch: added, divisor: divides }: Parts): Tensor {
  return scope(() => {
    const [whole, branch, divisor] = [values(), added(), divides()];
    if (divisor === null) return branch === null ? whole : ops.add(whole, branchMatrix(branch));
    const read = branch && { ...branch, A: ops.mul(branch.A, divisor) };
    return ops.div(read === null ? whole : ops.add(whole, branchMatrix(read)), divisor);
  });
}

/** Its values, which are of bfloat16 but for what a division is off by. */
function inFile({ A, B }: LowRankBranch): LowRankBranch {
  return { A: ops.to(ops.to(A, 'bfloat16'), 'float32'), B };
}

/** Refuses a pipeline whose weights are not those of the integers and the branch beside it. */
function requireWhole(dense: ModelSource, { path }: LinearLayer, parts: Parts, dtype: DType): void {
  const isSame = scope(() => {
    const found = dense.load(`${path}.weight`, dtype);
    const isEqual = item(ops.all(ops.eq(found, ops.to(wholeOf(parts), dtype)))) === 1;
    // What the model is built of are the integers.
    releasePages(found);
    return isEqual;
  });
  if (isSame) return;
  throw new TerminalError({
    code: 'E_PUBLISH_FAILED',
    message: `the weights of ${path}, read back, are not those of its integers and of what is added to them`,
    hint: 'nothing was published; the same command writes it again, and if it fails again, report it',
  });
}
