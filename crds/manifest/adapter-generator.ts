// Parses the file of an adapter generator: YAML text to an AdapterGenerator, or one error with all
// problems, each at its position in the file.
import {
  type AdapterGenerator,
  adapterGenerator,
  type GeneratorSpec,
  generatorKind,
} from '../api/adapter-generator.ts';
import { generatorFiles } from '../wire/generator.ts';
import { parseOnly, type RefusedField } from './only-document.ts';

/** The generator of a file; throws one UserError with all problems. */
export function parseGenerator(text: string, file: string): AdapterGenerator {
  return parseOnly(text, file, {
    ...{ kind: generatorKind, schema: adapterGenerator },
    refused: ({ spec }) => [
      ...sameNames('tasks', spec.tasks),
      ...sameNames('generate', spec.generate),
      ...ownName(spec),
      ...wrongConditions(spec),
    ],
  });
}

function sameNames(
  list: string,
  all: readonly { readonly name: string }[],
): readonly RefusedField[] {
  return all.flatMap(({ name }, i) =>
    all.findIndex((one) => one.name === name) === i
      ? []
      : [
          {
            path: [list, i, 'name'],
            message: `spec.${list}[${i}].name is ${name}, which another one has; names must differ`,
          },
        ],
  );
}

function ownName({ generate }: GeneratorSpec): readonly RefusedField[] {
  const at = generate.findIndex(({ name }) => name === generatorFiles.generator);
  if (at < 0) return [];
  const message = `spec.generate[${at}].name is ${generatorFiles.generator}, the folder of the network itself`;
  return [{ path: ['generate', at, 'name'], message, hint: 'give it another name' }];
}

function wrongConditions({ tasks, taskVectors, generate }: GeneratorSpec) {
  return generate.flatMap(({ task, examples }, i): readonly RefusedField[] => {
    if (task !== undefined && !tasks.some(({ name }) => name === task)) {
      return [
        {
          path: ['generate', i, 'task'],
          message: `spec.generate[${i}].task is ${task}; it must be one of ${tasks.map(({ name }) => name).join(', ')}`,
          hint: 'for a task without adapters, set examples',
        },
      ];
    }
    if (examples === undefined || taskVectors.model === 'Base') return [];
    return [
      {
        path: ['generate', i, 'examples'],
        message: `spec.generate[${i}].examples is set, and spec.taskVectors.model is OwnAdapter; a task that has no adapter has no such vector`,
        hint: 'set spec.taskVectors.model: Base, so that all vectors come from the base alone',
      },
    ];
  });
}
