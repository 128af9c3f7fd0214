"""What several test modules share: real servers, an independent RFB client, fakes of the clouds."""
