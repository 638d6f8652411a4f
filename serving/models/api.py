"""`/v1/models/current`, the card of the models that answer, and `/v1/catalog`, what all the numbers mean."""

from fastapi import APIRouter

from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.models import card, catalog
from serving.models.card import ModelsAnswer
from serving.models.catalog import Catalog
from serving.served.current import Current
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["models"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get("/models/current", operation_id="get_current_models")
async def get_current_models(served: Current) -> ModelsAnswer:
    """The models that answer now: from which data, how good on later time beside simpler ones, and why they answer."""
    return card.cards(served)


@router.get("/catalog", operation_id="get_catalog")
def get_catalog() -> Catalog:
    """Every signal, KPI and table: unit, range and meaning in English and Russian. The same for every installation."""
    return catalog.catalog()
