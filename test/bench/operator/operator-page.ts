// Numbers from the metrics page of the operator.

/** Writes that the API server took, without the renewals of the Lease, which alone are PUT. */
export async function writesOf(port: number, host = '127.0.0.1'): Promise<number> {
  const page = await (await fetch(`http://${host}:${port}/metrics`)).text();
  return writesOn(page);
}

export function writesOn(page: string): number {
  const lines =
    /^rest_client_requests_total\{method="(?:POST|PATCH|DELETE)",code="2.."[^}]*\} (\d+)/gm;
  return [...page.matchAll(lines)].reduce((sum, [, value]) => sum + Number(value), 0);
}
