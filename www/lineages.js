// The lines of servers, and how a server of them is named.

export const LINEAGES = { redis: "Redis", valkey: "Valkey" };

/** `8.10` of `redis-8.10`. */
export function numberOf(server) {
  return server.slice(server.indexOf("-") + 1);
}
