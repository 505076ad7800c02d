// Numbers from the metrics page of the operator.

/** Writes that the API server took, without the renewals of the Lease, which alone are PUT. */
export async function writesOf(port: number): Promise<number> {
  return writesOn(await pageAt(local(port)));
}

export function writesOn(page: string): number {
  const lines =
    /^rest_client_requests_total\{method="(?:POST|PATCH|DELETE)",code="2.."[^}]*\} (\d+)/gm;
  return [...page.matchAll(lines)].reduce((sum, [, value]) => sum + Number(value), 0);
}

/**
 * How many jobs it knows that were suspended and still have pods, and how many pods; the bytes of
 * its objects, how often it has evaluated at a job, how many wait.
 */
export async function numbersOf(port: number) {
  const page = await pageAt(local(port));
  const value = (series: string) => {
    const line = page.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  };
  return {
    suspending: value('anneal_jobs{phase="Suspending"}'),
    pods: value('anneal_informer_objects{resource="pods"}'),
    heap: value('nodejs_heap_size_used_bytes'),
    reconciled: ['success', 'requeue_after'].reduce(
      (sum, result) =>
        sum +
        value(`controller_runtime_reconcile_total{controller="finetunejob",result="${result}"}`),
      0,
    ),
    waiting: value('workqueue_depth{name="finetunejob"}'),
  };
}

const local = (port: number) => `127.0.0.1:${port}`;

export async function pageAt(address: string): Promise<string> {
  return (await fetch(`http://${address}/metrics`)).text();
}
