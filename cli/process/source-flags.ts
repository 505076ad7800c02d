// The flags that select the source of jobs; those that kubectl has mean the same.
import { type Command, Option } from 'commander';

export const jobArgument = 'name, namespace/name, a prefix of it, or @latest';

export interface SourceFlags {
  readonly local?: boolean;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
}

export function withSource(command: Command, many = false): Command {
  command
    .option('--local', 'runs of this machine, also where a cluster is known')
    .option('-n, --namespace <name>', 'namespace of the cluster');
  if (many) command.option('-A, --all-namespaces', 'all namespaces of the cluster');
  return withCluster(command);
}

/** For commands that need a cluster. */
export function withCluster(command: Command): Command {
  return command
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig file');
}

export const structuredOutputs = ['table', 'wide', 'json', 'yaml', 'name'] as const;

export function withOutput(command: Command, outputs: readonly string[]): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is printed')
      .choices([...outputs])
      .default(outputs[0]),
  );
}
