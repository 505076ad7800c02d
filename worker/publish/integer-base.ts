// The frozen integers that an adapter was trained beside, in the layout of compressed-tensors: the
// base that the file of the adapter belongs on. What trained is not in it; it is read back with the
// trained adapter, and gives the logits of training to the last bit.
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { Rows } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { turnedPairs } from '../methods/weights/integer.ts';
import { unpackRows } from '../methods/weights/packed-integers.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { codedFile } from './compressed-tensors.ts';
import { type Integers, integersIn, offsetOf } from './integer-layout.ts';
import { packQuantized } from './packed-integers-layout.ts';

export function integerBaseArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model, files } = facts;
  const layers = linearLayers(files.config);
  const file = codedFile(facts, {
    layers: new Map(layers.map((layer) => [layer.path, layer])),
    layout: integersIn(packQuantized, integersOf(facts), model.dtype),
    inputs: null,
  });
  return {
    format: 'CompressedTensors',
    folder: resultFolder.CompressedTensors,
    rounding: null,
    made: { weightBits: 16, made: 'Same' },
    write: file.write,
    async reload(folder, dtype) {
      const { parameters } = await file.reload(folder, dtype);
      const ofBase = new Set(files.tensorNames);
      for (const parameter of model.parameters.all()) {
        if (ofBase.has(parameter.name)) continue;
        parameters.add({ ...parameter, value: keep(ops.detach(parameter.value)) });
      }
      const whole = { ...model, parameters };
      multiplyOut(whole);
      return whole;
    },
  };
}

function integersOf({ method: { base }, model }: ArtifactFacts): Integers {
  if (base.type !== 'Integer') throw new Bug('a base of integers has integers');
  const { bits, range, groupSize } = base.integer;
  const grid = { bits, range, groupSize };
  return {
    ...grid,
    coded: ({ path, in: inputs }: LinearLayer, [first, behind]: Rows): CodedRows =>
      scope(() => {
        const stored = model.parameters.value(`${path}.weight`);
        const parts = ops
          .quantizedParts(stored)
          .map((part) => ops.narrow(part, 0, first, behind - first));
        const [bytes, steps, zeros] = parts;
        if (bytes === undefined || steps === undefined || zeros === undefined) {
          throw new Bug(`${path} has no codes, scales and zero points`);
        }
        const packed = ops.viewDtype(ops.contiguous(bytes), 'int32');
        const unpacked = unpackRows(packed, inputs, bits);
        const codes = bits === 4 ? turnedPairs(unpacked) : unpacked;
        return {
          codes: ops.subScalar(ops.to(codes, 'float32'), offsetOf(grid)),
          scales: ops.to(steps, 'float32'),
          zeros: range === 'Symmetric' ? null : ops.to(zeros, 'float32'),
        };
      }),
  };
}
