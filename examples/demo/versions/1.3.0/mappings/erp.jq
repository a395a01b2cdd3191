# The contract production-confirmation.v1 -> what the ERP's confirmation service takes.
(.time[0:10]) as $day
| .data
| { plant, line, epoch,
    seq: .sequence,
    order: .operationsRequestId,
    operation: .segmentId,
    yield: .producedQuantity.value,
    scrap: .scrapQuantity.value,
    unit: .producedQuantity.unitOfMeasure,
    postingDate: $day
  }
