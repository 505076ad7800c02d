// Factors of an adapter that was trained on a pruned base, for the whole one: rows of B and columns
// of A stand at the places that were kept, with zeros between them, so that the change of a weight
// is that of the kept part, and nothing elsewhere (LoRAM's recovery).
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import { keptColumns, keptRows, type PrunedBase } from '../decoder/pruned-base.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, item, type Tensor } from '../tensor/tensor.ts';

type Factor = 'A' | 'B';

/** Sizes of a layer of the model that the file is for. */
export function sizesInFile(
  cut: PrunedBase | null | undefined,
  layer: LinearLayer,
): Pick<LinearLayer, 'in' | 'out'> {
  if (!cut) return layer;
  const [out = 0, inputs = 0] = specOf(cut, layer).shape;
  return { out, in: inputs };
}

/** The factor as the file has it. */
export function recovered(
  cut: PrunedBase | null | undefined,
  layer: LinearLayer,
  factor: Factor,
  values: Tensor,
): Tensor {
  const places = cut ? placesOf(cut, layer, factor) : null;
  if (!cut || places === null) return values;
  return scope(() => {
    const sizes = sizesInFile(cut, layer);
    const [rows = 0, columns = 0] = values.shape;
    const shape = factor === 'A' ? [rows, sizes.in] : [sizes.out, columns];
    const whole = ops.zeros(shape, { dtype: values.dtype });
    return ops.indexCopy_(whole, dimOf(factor), indices(places), values);
  });
}

/** What a file has of the kept part; throws where it has anything elsewhere. */
export function ofKeptPart(
  cut: PrunedBase | null | undefined,
  layer: LinearLayer,
  factor: Factor,
  values: Tensor,
): Tensor {
  const places = cut ? placesOf(cut, layer, factor) : null;
  if (places === null) return values;
  return scope(() => {
    const kept = ops.indexSelect(values, dimOf(factor), indices(places));
    const again = recovered(cut, layer, factor, kept);
    if (item(ops.any(ops.ne(again, values))) === 0) return kept;
    throw new TerminalError({
      code: 'E_PUBLISH_FAILED',
      message: `${layer.path}, read back, has values of lora_${factor} at places that the pruned base does not have; they must be 0`,
      hint: 'nothing was published; the same command writes it again, and if it fails again, report it',
    });
  });
}

function dimOf(factor: Factor): 0 | 1 {
  return factor === 'A' ? 1 : 0;
}

/** Null where the factor is whole: B of what writes the residual stream, A of what reads it. */
function placesOf(cut: PrunedBase, layer: LinearLayer, factor: Factor): readonly number[] | null {
  const kept = cut.layers[layer.layer];
  if (kept === undefined) throw new Bug(`${layer.path} is in no block of the pruned base`);
  const { role } = specOf(cut, layer);
  return factor === 'A' ? keptColumns(cut.config, role, kept) : keptRows(cut.config, role, kept);
}

function specOf({ specs }: PrunedBase, { path }: LinearLayer) {
  const spec = specs.get(`${path}.weight`);
  if (spec === undefined) throw new Bug(`the whole model has no ${path}`);
  return spec;
}
