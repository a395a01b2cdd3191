# The contract production-confirmation.v1 -> what the ERP's confirmation service takes.
.data
| { plant, line, epoch,
    seq: .sequence,
    order: .operationsRequestId,
    operation: .segmentId,
    yield: .producedQuantity.value,
    scrap: .scrapQuantity.value,
    unit: .producedQuantity.unitOfMeasure
  }
