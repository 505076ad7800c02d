// Gradients of what precedes the blocks of each tower in a step: of tables of texts, and between
// the towers of the end of the texts and of what makes pictures tokens.
import type { Model } from '../engine/model.ts';
import type { EndSettings, EntryGradients } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { Gradient } from '../engine/update.ts';
import { tableGradients } from '../nn/table-gradients.ts';
import { parametersThroughTape, throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { clipConfig } from './config.ts';
import { textRows, textUnits } from './joint.ts';
import { places } from './names.ts';
import { textTower } from './text-tower.ts';
import { visionTower } from './vision-tower.ts';

/** Parameters whose gradients are added up together. */
export function part(parameters: readonly Parameter[], sum: EndSettings['sum']) {
  return { names: parameters.map(({ name }) => name), sum: sum(parameters) };
}

/** Before the texts: `add` gets the gradient `g [T, H]` of their stream. */
export function textInlet(model: Model, { active, sum }: Pick<EndSettings, 'active' | 'sum'>) {
  const value = (name: string): Tensor => model.parameters.value(name);
  const texts = textTower(clipConfig(model.config));
  const inlet = active(places.text);
  const isTable = ({ name }: Parameter) => texts.tableNames.includes(name);
  const tables = tableGradients(inlet.filter(isTable));
  const norm = part(
    inlet.filter((one) => !isTable(one)),
    sum,
  );
  /** Gradients of the sum of rows of tables, and of the norm behind it, where there is one. */
  const throughNorm = (g: Tensor, sequence: PackedSequence) => {
    const { normed } = texts;
    if (normed === null) return { input: g, active: [] };
    return throughTape(textRows(model, sequence), value, {
      ...{ active: norm.names, of: normed, seed: () => g },
    });
  };
  return {
    add(g: Tensor, sequence: PackedSequence): void {
      const found = scope(() => {
        const back = throughNorm(g, sequence);
        tables.add(back.input, texts.tables(sequence.inputs));
        return back.active;
      });
      norm.sum.add(found);
    },
    finish: (): readonly Gradient[] => [...tables.finish(), ...norm.sum.finish()],
  };
}

interface Between extends EntryGradients {
  readonly before: Tensor;
}

/** Between the towers: `add` gives the gradient of the stream of texts, `[T, H]`. */
export function betweenTowers(model: Model, { active, sum }: Pick<EndSettings, 'active' | 'sum'>) {
  const config = clipConfig(model.config);
  const value = (name: string): Tensor => model.parameters.value(name);
  const pictures = visionTower(config);
  const between = active(places.pictures);
  const isOfTexts = ({ name }: Parameter) => name.startsWith('text_');
  const textEnd = part(between.filter(isOfTexts), sum);
  const inlet = part(
    between.filter((one) => !isOfTexts(one)),
    sum,
  );
  return {
    add({ x, sides, before }: Between, sequence: PackedSequence): Tensor {
      const found = scope(() => {
        const ofPictures = inlet.names.length === 0 ? [] : throughPictures(x, sequence);
        const back = throughTape(before, value, {
          active: textEnd.names,
          of: (stream, values) => textUnits(config, stream, sequence, values),
          seed: (units) => sides['texts'] ?? ops.zerosLike(units),
        });
        // Gradients may be views of each other, and sums are made in place.
        const own = (all: readonly (Tensor | null)[]) => all.map((one) => one && ops.clone(one));
        return { input: back.input, ofTexts: own(back.active), ofPictures: own(ofPictures) };
      });
      textEnd.sum.add(found.ofTexts);
      inlet.sum.add(found.ofPictures);
      return found.input;
    },
    finish: (): readonly Gradient[] => [...textEnd.sum.finish(), ...inlet.sum.finish()],
  };

  function throughPictures(g: Tensor, sequence: PackedSequence) {
    return parametersThroughTape(value, {
      active: inlet.names,
      of: (values) => pictures.entered(model, sequence, values),
      seed: () => g,
    }).active;
  }
}
