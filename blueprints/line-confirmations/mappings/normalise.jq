# The line's telegram -> the contract production-confirmation.v1 (a CloudEvent with ISA-95 words).
{ specversion: "1.0",
  id: property("key"),
  source: ("urn:andon:" + property("plant") + ":" + property("line")),
  type: "dev.andon.production-confirmation.v1",
  time: .ts,
  data: {
    plant: property("plant"),
    line: property("line"),
    epoch: (.epoch // 0),
    sequence: .seq,
    operationsRequestId: .order,
    segmentId: .operation,
    producedQuantity: { value: .yield, unitOfMeasure: (.unit // property("unit")) },
    scrapQuantity: { value: (.scrap // 0), unitOfMeasure: (.unit // property("unit")) }
  }
}
